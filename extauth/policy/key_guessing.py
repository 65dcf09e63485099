"""How many keys that nobody has may be tried, as settings."""

from pydantic import Field

from extauth.settings.model import Settings
from extauth.settings.values import Rate, RateValue


class FailureLimit(Settings):
    """A token bucket of failures."""

    rate: Rate = RateValue(60, 60)
    """How fast it fills."""
    burst: int = Field(default=60, ge=1, le=1_000_000)
    """How many failures in a row it takes."""


class KeyGuessing(Settings):
    """Malformed and unknown keys and tokens. Who has sent too many gets `too_many_failures`, 429, in place of a lookup;
    keys that are in memory go on working. Counted by each process, in memory.
    """

    by_address: FailureLimit | None = FailureLimit()
    """For each client address (IPv6 by /64), in APIs that say by `client_address.header` where it stands."""
    by_tenant: FailureLimit | None = None
    """For each tenant that requests name, in APIs with `tenant`. Whoever guesses there also locks out that tenant's own
    keys, as far as they are not in memory: left out by default."""
