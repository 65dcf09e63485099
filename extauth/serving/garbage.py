"""The garbage collector's pauses, kept short: what has lived long is not looked at again.

A full collection visits every object, among them all cached keys: 50 ms with 100,000 of them, in which no check is
answered. Checks leave no cycles behind (a test holds that), so a full collection seldom finds anything.
"""

import gc
from typing import Literal

_OLDEST = 2  # generation


def settle() -> None:
    """Call when the process has started: from now on each full collection visits an object at most once.

    An object that has been visited and becomes part of a garbage cycle later is never freed; nothing that is made per
    check, per key or per change of the policy does.
    """
    gc.collect()
    gc.freeze()
    if _freeze_survivors not in gc.callbacks:
        gc.callbacks.append(_freeze_survivors)


def _freeze_survivors(phase: Literal["start", "stop"], info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()
