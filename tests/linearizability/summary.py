"""What a run saw, in words for whoever has to find a cause."""

from collections.abc import Sequence

from tests.linearizability.checker import Violation
from tests.linearizability.run import Recorded
from tests.linearizability.troubles import Trouble

_NEAR = 15.0  # seconds


def summary(found: Recorded) -> str:
    begun = min(asked.begun for asked in found.checks)
    troubles = [f"{one.begun - begun:7.2f} to {one.ended - begun:7.2f} s: {one.name}" for one in found.troubles]
    return "\n".join(
        (
            *troubles,
            f"changes: {dict(found.changes)}, unknown: {dict(found.unknown)}",
            f"checks: {len(found.checks):,}, {dict(found.answers)}",
            f"the oldest answer was out of date by {found.oldest:.2f} s",
        )
    )


def told(violation: Violation, troubles: Sequence[Trouble]) -> str:
    """In words, with times in seconds before the check was asked."""
    asked = violation.asked
    changes = [
        f"  {asked.begun - one.begun:8.3f} to {asked.begun - one.ended:8.3f}: {one.state}"
        for one in asked.key.history.changes[1:]
    ]
    near = [
        f"  {asked.begun - one.begun:8.3f} to {asked.begun - one.ended:8.3f}: {one.name}"
        for one in troubles
        if one.begun < asked.begun < one.ended + _NEAR
    ]
    what = f"{violation.fault}: {asked.answer} of {asked.place} for key {asked.key.id}, late by {violation.late:.3f} s"
    return "\n".join((what, " changes", *changes, " troubles", *near))
