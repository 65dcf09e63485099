"""Where a policy finds the address that a request comes from."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from extauth.settings.model import Settings

FORWARDED_FOR = "x-forwarded-for"


class ClientAddress(Settings):
    """The address of the client. Left out, it is that of Envoy's TCP peer, which may be a load balancer."""

    header: Literal["x-envoy-external-address", "x-forwarded-for"] | None = None
    """`x-envoy-external-address`, which Envoy sets at the edge (`use_remote_address`), or `x-forwarded-for`. What the
    header does not tell is taken from the TCP peer."""
    trusted_hops: int = Field(default=0, ge=0, le=16, validate_default=True)
    """With `x-forwarded-for`: how many proxies before this Envoy are trusted, as its own `xff_num_trusted_hops`. With 0
    the last address counts, with 1 the one before it."""

    @field_validator("trusted_hops")
    @classmethod
    def _hops_are_counted_in_a_list(cls, hops: int, info: ValidationInfo) -> int:
        if hops and info.data.get("header", FORWARDED_FOR) != FORWARDED_FOR:
            raise ValueError(f"hops are counted in a list of addresses: use them with header: {FORWARDED_FOR}")
        return hops
