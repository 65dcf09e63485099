"""A process that fuzzes one target: `python -m tests.fuzz.fuzzed NAME`, and then what libFuzzer is to be told.

It imports nothing of ours before atheris can put its counters in.
"""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

PACE = 20_000
"""Executions between two looks at the memory."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    name, *arguments = sys.argv[1:]
    logging.disable(logging.CRITICAL)  # what is told of hostile input would fill the terminal
    with atheris.instrument_imports(include=["extauth", "uvicorn", "h11"]):
        from tests.fuzz.all_targets import target_named  # noqa: PLC0415 (under atheris' eyes)

        target = target_named(name)
        for seed in target.seeds():
            target.run(seed)  # what is imported late is seen as well
    atheris.Setup([sys.argv[0], *arguments], _watched(target.run))
    atheris.Fuzz()


def _watched(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
    executions = 0

    def one(data: bytes) -> None:
        nonlocal executions
        run(data)
        executions += 1
        if executions % PACE == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(f"memory {executions} {pages * _PAGE}", file=sys.stderr, flush=True)

    return one


if __name__ == "__main__":
    main()
