"""`make soak`: steady load while keys come, change and go. Exit code 1: a verdict was wrong, or memory grew.

ARGS='--minutes 5': not an hour; --write: write docs/soak.md as well; --rate and --changes: how many a second.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.linearizability.churn import PACE
from tests.soak.goals import goals
from tests.soak.page import page
from tests.soak.run import run

_PAGE = Path(__file__).parents[2] / "docs" / "soak.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--changes", type=float, default=PACE, help="changes of keys a second")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    options = parser.parse_args()
    sys.stderr.write(f"seed {options.seed}\n")
    with tempfile.TemporaryDirectory(prefix="extauth-soak-") as directory:
        found = run(Path(directory), options.minutes * 60, options.rate, options.changes, options.seed)
    text = page(found)
    sys.stdout.write(text)
    if options.write:
        _PAGE.write_text(text, encoding="utf-8")
    return int(not all(goal.is_met for goal in goals(found)))


if __name__ == "__main__":
    sys.exit(main())
