"""Let a nemesis work on real servers, then judge every answer that was given meanwhile.

usage: python -m tests.linearizability [--seconds N] [--seed S] [--database URL]

Exit code 1: an answer cannot be explained.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.linearizability.run import record
from tests.linearizability.scene import MAX_STALE
from tests.linearizability.summary import summary, told
from tests.linearizability.troubles import Bounds

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


if __name__ == "__main__":
    sys.exit(main())
