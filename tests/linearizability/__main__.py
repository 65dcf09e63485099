"""Let a nemesis work on real servers, then judge every answer that was given meanwhile.

usage: python -m tests.linearizability [--seconds N] [--seed S] [--database URL]

Exit code 1: an answer cannot be explained.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.linearizability.checker import Violation
from tests.linearizability.run import Recorded, record
from tests.linearizability.scene import MAX_STALE
from tests.linearizability.troubles import Bounds, Trouble

_SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.linearizability", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", help="URL; SQLite in a new folder when left out")
    parser.add_argument("--promise", type=float, default=Bounds().promise, help="seconds")
    parser.add_argument("--recovery", type=float, default=Bounds().recovery, help="seconds")
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    with tempfile.TemporaryDirectory(prefix="extauth-lin-") as folder:
        database = options.database or f"sqlite:///{folder}/registry.db"
        found = record(Path(folder), options.seconds, options.seed, database, keeps=options.seed % 3 == 0)
    bounds = Bounds(options.promise, options.recovery, MAX_STALE)
    wrong = found.violations(bounds)
    sys.stdout.write(f"{summary(found)}\n")
    for one in wrong[:_SHOWN]:
        sys.stdout.write(f"{told(one, found.troubles)}\n")
    sys.stdout.write(f"violations: {len(wrong)}\n")
    return int(bool(wrong))


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


def told(violation: Violation, troubles: list[Trouble]) -> str:
    """In words, with times in seconds before the check was asked."""
    asked = violation.asked
    changes = [
        f"  {asked.begun - one.begun:8.3f} to {asked.begun - one.ended:8.3f}: {one.state}"
        for one in asked.key.history.changes[1:]
    ]
    near = [
        f"  {asked.begun - one.begun:8.3f} to {asked.begun - one.ended:8.3f}: {one.name}"
        for one in troubles
        if one.begun < asked.begun < one.ended + 15
    ]
    what = f"{violation.fault}: {asked.answer} of {asked.place} for key {asked.key.id}, late by {violation.late:.3f} s"
    return "\n".join((what, " changes", *changes, " troubles", *near))


if __name__ == "__main__":
    sys.exit(main())
