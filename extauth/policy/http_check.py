"""Settings of `/check` over HTTP."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from extauth.policy.envoy_secret import EnvoySecretSettings
from extauth.settings.model import Settings
from extauth.settings.tls import ServerTls
from extauth.settings.values import Address


class HttpCheckSettings(Settings):
    """`/check` over HTTP, for proxies that do not speak ext_authz: nginx, Traefik. Off unless it has an address."""

    listen: tuple[Address, ...] = ()
    """Where `/check` is answered. Whoever can connect may try keys without limit, unless `tls` asks for certificates or
    `secret` is set: keep to unix sockets or loopback without those. With several workers a unix socket becomes one for
    each, as in `listen.grpc`."""
    tls: ServerTls | None = None
    """TLS on the TCP addresses of `listen`; unix sockets are guarded by their permissions."""
    secret: EnvoySecretSettings | None = None
    """A secret that the proxy must send with each check, as a header. Left out, whoever can connect may ask."""
    original: Literal["x-original", "x-forwarded"] | None = Field(default=None, validate_default=True)
    """The headers in which the proxy tells of the request: X-Original-Method, -URI and -Host (as an nginx is told to
    send), or X-Forwarded-Method, -Uri and -Host (as Traefik does). Those of the other kind are the client's own and not
    believed. Required with an address."""

    @field_validator("original")
    @classmethod
    def _is_chosen(cls, original: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("listen") and original is None:
            raise ValueError("is required with an address: use x-original (nginx) or x-forwarded (Traefik)")
        return original
