"""After the start a full collection visits each object once, and a policy that is replaced is freed without one."""

import os
import subprocess
import sys

SCRIPT = """
import gc
from extauth.serving import garbage
garbage.settle()
garbage.settle()
kept = [[] for _ in range(50_000)]
gc.collect()
frozen = gc.get_freeze_count()
assert frozen > 50_000, frozen
assert gc.get_count()[0] < 1_000
assert len(gc.get_objects()) < 5_000, len(gc.get_objects())
del kept
assert gc.get_freeze_count() <= frozen - 50_000
assert gc.callbacks.count(garbage._freeze_survivors) == 1
print("as it should be")
"""


def test_survivors_are_frozen_and_still_freed_when_nobody_holds_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, env=os.environ, check=False
    )
    assert (done.stdout, done.stderr) == ("as it should be\n", "")
