"""`make fuzz`: all targets or those that are named, each for so many seconds; findings are kept for the tests."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.all_targets import NAMES, target_named
from tests.fuzz.runs import HAS_ATHERIS, ROOT, run

CORPORA = ROOT / ".build" / "fuzz"
"""What was found worth keeping goes on growing from run to run."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all when left out")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    given = parser.parse_args()
    if not HAS_ATHERIS:
        print("atheris is not installed: it has wheels for Linux and CPython", file=sys.stderr)
        return 2
    print(f"{'target':<22}{'executions':>12}{'coverage':>10}  finding", flush=True)
    found = [_fuzz(name, given.seconds) for name in given.targets or NAMES]
    return int(any(found))


def _fuzz(name: str, seconds: int) -> Path | None:
    done = run(target_named(name), CORPORA / name, f"-max_total_time={seconds}")
    told = done.finding.relative_to(ROOT) if done.finding else "none"
    print(f"{name:<22}{done.executions:>12,}{done.coverage:>10,}  {told}", flush=True)
    if done.finding:
        print(_fault(done.output), flush=True)
    return done.finding


def _fault(output: str) -> str:
    """What Python said of it."""
    lines = [line for line in output.splitlines() if not line.startswith(("INFO", "WARNING"))]
    return "\n".join(lines)[:4000]


if __name__ == "__main__":
    sys.exit(main())
