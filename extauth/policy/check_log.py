"""Which checks are written to the log."""

from pydantic import Field

from extauth.settings.model import Settings


class CheckLogSettings(Settings):
    """A line for a check. None are written by default: metrics count all of them."""

    allowed: float = Field(default=0.0, ge=0, le=1)
    """The share of checks that passed, chosen at random: 0.001 is one in a thousand."""
    refused: float = Field(default=0.0, ge=0, le=1)
    """The share of all others."""
    per_second: int = Field(default=100, ge=1, le=10_000)
    """At most so many lines, so that a flood of requests does not become one of the log. The next line says how many
    were left out."""
