"""Changes that are made only to what the one who asks has seen."""

from collections.abc import Collection

from extauth.registry.errors import StaleError


def check_revision(kind: str, revision: int, expected: Collection[int] | None) -> None:
    """Raise StaleError unless any revision will do (None) or this one is among those expected."""
    if expected is not None and revision not in expected:
        raise StaleError(kind, revision)
