"""What processes hold: memory, open files, threads."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import family

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of a process and its descendants, bytes."""

    proportional: int
    """PSS: what several processes share, files above all, is divided among them, and so depends on who else runs."""
    own: int
    """The part of it that is no file's: heaps and stacks."""
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Footprints by name, `at` so many seconds after the beginning."""

    at: float
    of: dict[str, Footprint]


def footprint(process: int) -> Footprint:
    members = [Path("/proc") / str(member) for member in family(process)]
    return Footprint(
        proportional=sum(_bytes(member, "Pss") for member in members),
        own=sum(_bytes(member, "Pss_Anon") for member in members),
        files=sum(len(list((member / "fd").iterdir())) for member in members),
        threads=sum(len(list((member / "task").iterdir())) for member in members),
    )


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line that fits best, by least squares; 0 for a single point."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def _bytes(member: Path, name: str) -> int:
    """Of proc_pid_smaps(5)."""
    lines = (member / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024
