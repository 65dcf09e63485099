"""`make faults`: let a sidecar's Redis suffer every fault, and write docs/faults.md."""

import sys
import tempfile
import textwrap
from pathlib import Path

from tests.bench.page import versions
from tests.bench.processes import machine
from tests.bench.tables import table
from tests.faults.check_watch import Told, Verdicts
from tests.faults.outage_run import ALLOWED, LASTS, OutageRun
from tests.faults.redis_faults import FAULTS

_PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_WIDTH = 120
_OPENING = f"""
What callers are told while a sidecar's Redis is in trouble for {LASTS:g} seconds: `make faults` runs the real programs,
with a proxy between them for the faults of the network, and writes this page; `make test-all` holds it true on both
transports. Measured on {{machine}}; {{versions}}.

`known` keys have been used before, and are in the near cache, which counts as old after a second here
(`cache.max_staleness`). `limited` are the same keys on an API whose limit asks Redis on each check. `unseen` keys are
in force and were never used. Each answer is a status with how often it was given; the times are milliseconds of
`known`.

Nobody is allowed who should not be: `revoked` and `made up` keys never get 200. Nobody is told 401 or 429 because of an
outage: the other kinds never do. Every check is answered, and when the fault is over every key works or fails as it
should, without a restart.
"""


def main() -> None:
    rows = [_row(name, _suffer(name)) for name in FAULTS]
    opening = _OPENING.format(machine=machine(), versions=versions())
    paragraphs = [textwrap.fill(" ".join(text.split()), _WIDTH) for text in opening.strip().split("\n\n")]
    columns = ["Redis is or does", *ALLOWED, "p50", "p99", "max"]
    text = "\n\n".join(["<!-- written by `make faults` -->\n# Faults of Redis", *paragraphs, table(columns, rows)])
    _PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _suffer(name: str) -> Verdicts:
    sys.stderr.write(f"{name}\n")
    with tempfile.TemporaryDirectory() as directory, OutageRun.begin(Path(directory), "lean") as run:
        verdicts = run.suffer(FAULTS[name])
        run.expect_recovery()
        return verdicts


def _row(name: str, verdicts: Verdicts) -> list[str]:
    times = sorted(verdicts["known"].seconds)
    chosen = (times[len(times) // 2], times[len(times) * 99 // 100], times[-1])
    return [name, *(_outcomes(verdicts[kind]) for kind in ALLOWED), *(f"{seconds * 1000:.1f}" for seconds in chosen)]


def _outcomes(told: Told) -> str:
    return ", ".join(f"{status} ({count})" for status, count in sorted(told.outcomes.items()))


if __name__ == "__main__":
    main()
