"""Target: something that reads bytes, and what must hold whatever they are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FINDINGS = Path(__file__).parent / "findings"
"""Inputs that once broke something, by target; the tests try each of them."""


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises for an input that breaks what must hold."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    """Inputs to begin with, made anew each time: keys and tokens in them are this process's own."""
    words: tuple[str, ...] = ()
    """Texts that chance would hardly find."""
    longest: int = 4096
    """Bytes of an input."""

    @property
    def findings(self) -> list[Path]:
        return sorted(path for path in (FINDINGS / self.name).glob("*") if path.is_file())
