"""The clocks of a decision, so that a test can move them."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clocks:
    """Monotonic seconds, for waits and ages; Unix seconds, for the bounds of keys and tokens."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
