"""Limits as JSON: a name, a rate as the policy writes it, and a burst."""

from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from extauth.keys.record import LimitOverride
from extauth.registry.rest.shapes import GivenBody, ShownBody
from extauth.settings.values import Rate, RateValue, format_duration

_RATE: TypeAdapter[RateValue] = TypeAdapter(Rate)


def _rate(value: object) -> RateValue:
    try:
        return _RATE.validate_python(value)
    except ValidationError:  # its text repeats what was sent
        raise ValueError("is not a rate: use requests over time, such as 10/s, 1000/min or 5000/12h") from None


_RateText = WithJsonSchema({"type": "string", "examples": ["10/s", "1000/min", "5000/12h"]})
GivenRate = Annotated[RateValue, BeforeValidator(_rate), _RateText]
ShownRate = Annotated[str, _RateText]


class GivenLimit(GivenBody):
    """What a caller has in place of the policy's limit of this name."""

    name: str = Field(examples=["per-key"])
    """Of a limit in the policy; one that no policy knows has no effect."""
    rate: GivenRate
    """How fast the bucket fills."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000_000, examples=[2000])
    """How many requests it holds; the rate's own number when left out."""


class ShownLimit(ShownBody):
    """What a caller has in place of the policy's limit of this name."""

    name: str = Field(examples=["per-key"])
    rate: ShownRate
    """How fast the bucket fills."""
    burst: int | None = Field(examples=[2000])
    """How many requests it holds; null: the rate's own number."""


def given_limits(limits: list[GivenLimit]) -> tuple[LimitOverride, ...]:
    return tuple(LimitOverride(one.name, one.rate.amount, one.rate.period, one.burst or 0) for one in limits)


def shown_limits(limits: tuple[LimitOverride, ...]) -> list[ShownLimit]:
    return [
        ShownLimit(name=limit.name, rate=rate_text(limit.amount, limit.period), burst=limit.burst or None)
        for limit in limits
    ]


def rate_text(amount: float, period: float) -> str:
    """`1000/min`, which `Rate` reads back as the same numbers."""
    number = str(int(amount)) if amount.is_integer() else repr(amount)
    time = format_duration(period)
    time = f"{time}in" if time.endswith("m") else time
    return f"{number}/{time[1:] if time[1:].isalpha() and time[0] == '1' else time}"
