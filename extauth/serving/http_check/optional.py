"""The server of `/check`, where one is configured: its library is an extra."""

from typing import TYPE_CHECKING

from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.sockets import Claim
from extauth.serving.transport import Handler
from extauth.tls.certificate import ServerCertificate

if TYPE_CHECKING:
    from extauth.serving.http_check.server import HttpCheckServer

_OCTAL = 8


def http_check(
    handler: Handler, settings: SidecarSettings, claim: Claim, tls: ServerCertificate | None = None
) -> "HttpCheckServer | None":
    """None when `http.listen` is empty. Raises MissingExtraError and SecretError."""
    if not settings.http.listen:
        return None
    try:
        from extauth.serving.http_check.server import HttpCheckServer  # noqa: PLC0415 (only where it is wanted)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"http.listen needs {error.name}: pip install 'extauth[http]'") from None
    mode = int(settings.listen.socket_mode, _OCTAL)
    return HttpCheckServer(handler, settings.http, settings.check.timeout, mode, claim, tls=tls)
