"""The secret by which a sidecar knows its Envoy, as settings."""

from pydantic import Field

from extauth.settings.model import Settings
from extauth.settings.values import SecretReference


class EnvoySecretSettings(Settings):
    """What Envoy's `initial_metadata` must hold; see `extauth envoy config`."""

    header: str = Field(default="x-extauth-secret", pattern=r"^x-[a-z0-9-]{0,61}[a-z0-9]$")
    """Name of the metadata."""
    accepted: tuple[SecretReference, ...] = Field(min_length=1, max_length=2)
    """Where it is kept, 16 characters or more. Two while one takes the place of the other: either is accepted."""
