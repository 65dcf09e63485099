"""How a policy says which headers tell callers of their limits."""

from typing import Literal

from pydantic import Field

from extauth.settings.model import Settings


class RateLimitHeaders(Settings):
    """What answers tell of the limits that a request was counted by."""

    fields: tuple[Literal["x-ratelimit", "ietf"], ...] = ("x-ratelimit",)
    """`x-ratelimit`: X-RateLimit-Limit, -Remaining and -Reset (Unix seconds at which the bucket is full again).
    `ietf`: RateLimit-Policy, which lists all limits of the request, and RateLimit, which tells of the nearest to empty
    (draft-ietf-httpapi-ratelimit-headers, from its eighth revision on). Neither: `[]`."""
    retry_after_jitter: float = Field(default=0.0, ge=0, le=1)
    """By up to this share Retry-After is longer than the wait, at random each time, so that callers who were refused
    at the same time do not come back at the same time. It is sent with every refusal by a limit."""
