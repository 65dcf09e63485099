"""`make registry-bench`: measure a registry of many keys and write docs/registry-at-scale.md.

usage: python -m tests.bench.registry [--keys N] [--output FILE]
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.processes import all_cpu_time, machine
from tests.bench.registry.measure import Row, measure, measure_publishing
from tests.bench.registry.running import running

ROOT = Path(__file__).parents[3]
_EXPLAINED = """
Measured on {machine}, with Redis, PostgreSQL {postgresql} and everything else on it.
The load average was {load:.1f} when it began, and {stolen:.1%} of the CPU time went to other guests of the host: what
else is at work makes all of it slower. PostgreSQL has its own settings but for `shared_buffers: 256MB` and
`max_wal_size: 4GB`: each commit waits for the disk. Half of the imported keys are told by their text, half by their
SHA-256; they are of 1,000 tenants. Times of requests are those of a client on the same machine that opens a
connection for each: the median, and the longest of 100 (of 10 for the search that reads all names).

Written by `make registry-bench ARGS='--keys {count}'`.
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keys", type=int, default=1_000_000)
    arguments.add_argument("--output", type=Path, default=ROOT / "docs" / "registry-at-scale.md")
    options = arguments.parse_args()
    rows: list[Row] = []
    stolen, everything = all_cpu_time()
    load = os.getloadavg()[0]
    # Not below a folder of root's: PostgreSQL runs as another user there.
    with tempfile.TemporaryDirectory(prefix="extauth-bench-") as folder, running(Path(folder)) as bench:
        rows += map(_told, measure(bench, options.keys))
        bench.process.terminate()
        bench.process.wait(60)
        rows += map(_told, measure_publishing(bench, options.keys))
        postgresql = bench.postgresql.version()
    stolen_now, everything_now = all_cpu_time()
    share = (stolen_now - stolen) / (everything_now - everything)
    options.output.write_text(page(options.keys, rows, postgresql, stolen=share, load=load))


def page(count: int, rows: Sequence[Row], postgresql: str, *, stolen: float, load: float) -> str:
    """The whole file."""
    told = _EXPLAINED.format(machine=machine(), postgresql=postgresql, stolen=stolen, load=load, count=count)
    table = "".join(f"| {name} | {value} |\n" for name, value in rows)
    return f"# A registry of {count:,} keys\n\n{told.strip()}\n\n| what | measured |\n|---|---|\n{table}"


def _told(row: Row) -> Row:
    print(f"{row[0]:<70} {row[1]}", flush=True)
    return row


if __name__ == "__main__":
    main()
