"""registry.yaml, section `usage`: how long the ledger keeps what, and what /metrics shows of it."""

from pydantic import Field, model_validator

from extauth.settings.model import Settings
from extauth.settings.values import Duration

_HOUR, _DAY = 3600.0, 86400.0


class RetentionSettings(Settings):
    """How long usage is kept. A day has all of its hours, and an hour of its minutes, whatever is kept of those."""

    minutes: Duration = Field(default=2 * _DAY, ge=_HOUR)
    """By the minute."""
    hours: Duration = Field(default=90 * _DAY, ge=_DAY)
    """By the hour."""
    days: Duration | None = Field(default=None, ge=_DAY)
    """By the day; for ever when it is left out."""

    @model_validator(mode="after")
    def _longer_and_longer(self) -> "RetentionSettings":
        if not self.minutes <= self.hours <= (self.days or self.hours):
            raise ValueError("keeps finer usage longer than coarser: use minutes <= hours <= days")
        return self


class UsageMetricsSettings(Settings):
    """What /metrics tells of single keys: those with the most checks lately, and all others together."""

    window: Duration = Field(default=300.0, ge=60, le=3600)
    """How long lately is, in whole minutes."""
    series: int = Field(default=300, ge=6, le=30_000)
    """The most series that this may take; a key takes three, all others together three more."""


class UsageSettings(Settings):
    """The ledger of usage."""

    retention: RetentionSettings = RetentionSettings()
    metrics: UsageMetricsSettings = UsageMetricsSettings()
