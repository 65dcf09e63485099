"""Waiting for something to become so."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float) -> float:
    """Wait until it holds; seconds that it took. AssertionError when it takes longer than `seconds`."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, f"not so after {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - started
