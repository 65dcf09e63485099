"""Runs of targets: a process for each, what it found, and how far it came."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.target import FINDINGS, Target

ROOT = Path(__file__).parents[2]
ONE_INPUT = 20
"""Seconds that one input may take."""
_START = 120
"""Seconds for imports and seeds, on a busy machine."""
_MEMORY = 2048
"""MiB that a process may have."""

_ASCII = 128

HAS_ATHERIS = find_spec("atheris") is not None


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run. `finding` is the input that broke something, if one did."""

    executions: int
    coverage: int
    """Edges between lines of our code that were seen."""
    memory: Mapping[int, int]
    """Bytes by the number of executions."""
    finding: Path | None
    output: str


def run(target: Target, corpus: Path, *options: str, findings: Path | None = None) -> Run:
    """`options` are libFuzzer's, with a bound for time or executions among them; `corpus` grows by what is new."""
    where = findings or FINDINGS / target.name
    where.mkdir(parents=True, exist_ok=True)
    before = set(where.iterdir())
    command = [sys.executable, "-m", "tests.fuzz.fuzzed", target.name, *options, *_usual(target, corpus, where)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    output = (found.stdout + found.stderr).decode(errors="replace")
    new = sorted(set(where.iterdir()) - before)
    if found.returncode and not new:
        raise AssertionError(f"{target.name} did not run:\n{output[-4000:]}")
    if not any(where.iterdir()):
        where.rmdir()
    memory = {int(count): int(size) for count, size in re.findall(r"^memory (\d+) (\d+)$", output, re.MULTILINE)}
    coverage = [int(number) for number in re.findall(r" cov: (\d+)", output)]
    return Run(_executions(output), max(coverage, default=0), memory, new[0] if new else None, output)


def _usual(target: Target, corpus: Path, where: Path) -> Sequence[str]:
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha1(seed).hexdigest()).write_bytes(seed)
    words = corpus.parent / f"{target.name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    return [
        *([f"-dict={words}"] if target.words else []),
        f"-artifact_prefix={where}/",
        f"-max_len={target.longest}",
        f"-timeout={ONE_INPUT}",
        "-report_slow_units=1000000",  # which would be kept beside the findings
        f"-rss_limit_mb={_MEMORY}",
        "-print_final_stats=1",
        str(corpus),
    ]


def _escaped(word: str) -> str:
    """As AFL's dictionaries have it."""
    return "".join(chr(byte) if chr(byte).isalnum() and byte < _ASCII else f"\\x{byte:02x}" for byte in word.encode())


def _executions(output: str) -> int:
    found = re.findall(r"^stat::number_of_executed_units: (\d+)", output, re.MULTILINE) or re.findall(
        r"^#(\d+)\s", output, re.MULTILINE
    )
    return int(found[-1]) if found else 0
