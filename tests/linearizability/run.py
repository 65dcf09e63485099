"""One run: a scene, a nemesis, changes of keys, and observers who write down what they see."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.linearizability.checker import NO_VERDICT, Asked, Violation, age, violations
from tests.linearizability.churn import Churn
from tests.linearizability.key_pool import KeyPool
from tests.linearizability.nemesis import Nemesis
from tests.linearizability.observers import Observer
from tests.linearizability.scene import scene
from tests.linearizability.troubles import Bounds, Calendar, Trouble

_LIVING, _PACE = 40, 12.0
_LAST = 7.0
"""Seconds after the last trouble, in which all must be well again."""
_PATIENCE = 60.0
"""Seconds that a change is asked for again and again while the registry is away."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that was seen, and what was done."""

    checks: Sequence[Asked]
    troubles: Sequence[Trouble]
    changes: Counter[str]
    unknown: Counter[str]
    """Changes of which nobody knows whether they were made, by what the caller was told."""

    @property
    def answers(self) -> Counter[str]:
        return Counter(asked.answer for asked in self.checks)

    @property
    def oldest(self) -> float:
        """Seconds: the longest that any answer was out of date."""
        return max(age(asked) for asked in self.checks if asked.answer not in NO_VERDICT)

    def violations(self, bounds: Bounds) -> list[Violation]:
        return list(violations(self.checks, Calendar(self.troubles, bounds)))


def record(folder: Path, seconds: float, seed: int, database: str, *, keeps: bool) -> Recorded:
    """`keeps`: whether Redis comes back from a restart with all that it knew."""
    with scene(folder, database, keeps=keeps) as stage:
        pool = KeyPool()
        churn = Churn(stage.client, pool, seed, living=_LIVING, pace=_PACE, patience=_PATIENCE)
        churn.start()
        observers = [
            Observer(sidecar, number, pool, random.Random(f"{seed} {place}"))
            for sidecar in stage.sidecars
            for number, place in enumerate(sidecar.places)
        ]
        nemesis = Nemesis(stage, seed)
        for observer in observers:
            observer.start()
        try:
            nemesis.run(seconds)
            time.sleep(_LAST)
        finally:
            checks = [asked for observer in observers for asked in observer.stop()]
            churn.stop()
    return Recorded(checks, nemesis.troubles, churn.done, churn.failures)
