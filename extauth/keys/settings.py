"""The peppers of the keys, as settings: named secrets that both the registry and the sidecar must know."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from extauth.keys.digest import PEPPER_ID_PATTERN, Pepper
from extauth.settings.values import SecretError, SecretReference


class PepperSettings(SecretReference):
    """One pepper: an id, and where its secret (32 bytes or more) is kept."""

    id: str = Field(pattern=f"^{PEPPER_ID_PATTERN.pattern}$")
    """Stands in each key record, so that a new pepper can be brought in while the old one still answers."""

    def pepper(self) -> Pepper:
        """Read the secret; SecretError when it is missing or too short."""
        secret = self.read().encode()
        try:
            return Pepper(self.id, secret)
        except ValueError as error:
            raise SecretError(str(error)) from None


def _distinct(peppers: Sequence[PepperSettings]) -> Sequence[PepperSettings]:
    if len({pepper.id for pepper in peppers}) < len(peppers):
        raise ValueError("two peppers have one id: use a new id for a new pepper")
    return peppers


Peppers = Annotated[tuple[PepperSettings, ...], Field(min_length=1, max_length=4), AfterValidator(_distinct)]
"""The first one is for new keys; all of them are tried when a key is looked up."""
