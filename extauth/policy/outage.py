"""What an API does while Redis is away, as settings."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from extauth.settings.model import Settings
from extauth.settings.values import Duration

LimitsPolicy: TypeAlias = Literal["local", "error", "allow"]
LONGEST = 86_400 * 7  # seconds


class OutageSettings(Settings):
    """While Redis is away; what is left out is as the file's own `outage` says."""

    max_stale: Annotated[Duration, Field(ge=0, le=LONGEST)] | None = None
    """How long keys in memory go on working, at most `cache.max_stale`, which it is by default. `0s`: no longer than
    they count as fresh (`cache.max_staleness`)."""
    limits: LimitsPolicy | None = None
    """`local`, by default: buckets of each process, with its share of rate and burst. `error`: requests for which Redis
    is needed get `unavailable`. `allow`: they are not limited."""


class ApiOutageSettings(OutageSettings):
    """While Redis is away, for one API."""

    unknown_keys: Literal["error", "let_anyone_in"] = "error"
    """Keys that memory does not know, or has for longer than `max_stale`. `error`: they get `unavailable`.
    `let_anyone_in`: every text that looks like a key passes, as nobody: without identity, scopes or usage, and held
    only by limits that count neither by key, tenant nor plan. For what may be public."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What holds for one API."""

    max_stale: float = math.inf
    """Seconds; the near cache has a bound of its own."""
    limits: LimitsPolicy = "local"
    lets_anyone_in: bool = False


def outage_of(api: ApiOutageSettings, default: OutageSettings) -> Outage:
    """An API's own settings go before the file's."""
    stale = (api.max_stale, default.max_stale)
    return Outage(
        max_stale=next((seconds for seconds in stale if seconds is not None), math.inf),
        limits=api.limits or default.limits or "local",
        lets_anyone_in=api.unknown_keys == "let_anyone_in",
    )
