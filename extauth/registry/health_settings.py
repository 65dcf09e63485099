"""registry.yaml, section `health`: which keys somebody should look at."""

from pydantic import Field

from extauth.settings.model import Settings
from extauth.settings.values import Duration

_DAY, _YEAR = 86400.0, 365 * 86400.0


class HealthSettings(Settings):
    """When a key needs attention. Keys that are revoked never do, and those with a successor only while it is used."""

    expiring: Duration = Field(default=14 * _DAY, ge=0, le=_YEAR)
    """It expires within this time."""
    used_after_rotation: Duration = Field(default=_DAY, ge=0, le=_YEAR)
    """It has a successor, and has been used within this time and after it was rotated."""
    unused: Duration = Field(default=90 * _DAY, ge=0, le=10 * _YEAR)
    """It has not been used for this time, nor been made in it."""
