"""`make limits-accuracy`: measure how near limits are kept, simulate large fleets, and write docs/limits-accuracy.md.

--quick takes half a minute, shows little, and writes .build/limits-accuracy.md. Exit code 1: a goal is not met.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.accuracy import fleets, measure
from tests.accuracy.goals import goals
from tests.accuracy.page import Findings, page

_ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make limits-accuracy", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    found = run(measure.QUICK if quick else measure.FULL, fleets.QUICK if quick else fleets.FULL)
    target = _ROOT / (".build/limits-accuracy.md" if quick else "docs/limits-accuracy.md")
    target.parent.mkdir(exist_ok=True)
    text = page(found)
    target.write_text(text, encoding="utf-8")
    print(text)
    print(f"written to {target}", file=sys.stderr)
    return int(not all(goal.is_met for goal in goals(found.measured, measure.LIMIT)))


def run(effort: measure.Effort, simulated: fleets.Effort) -> Findings:
    with tempfile.TemporaryDirectory(prefix="extauth-accuracy-") as directory:
        measured = []
        for one in measure.measure(Path(directory), effort):
            measured.append(one)
            print(one.case, f"{one.admitted} of {one.ideal}", file=sys.stderr)
    return Findings(effort.seconds, measured, fleets.simulate_all(simulated))


if __name__ == "__main__":
    sys.exit(main())
