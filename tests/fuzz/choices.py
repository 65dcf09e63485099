"""Choices: from the bytes of an input to decisions, so that a fuzzer can steer what has a structure."""

from collections.abc import Sequence
from typing import TypeVar

ChoiceT = TypeVar("ChoiceT")


class Choices:
    """Reads numbers from the front; when nothing is left, every number is 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return max(len(self._data) - self._at, 0)

    def number(self, below: int) -> int:
        """0 to `below` - 1, from one byte; at most 256."""
        found = self._data[self._at] if self.left else 0
        self._at += 1
        return found % below

    def one_of(self, options: Sequence[ChoiceT]) -> ChoiceT:
        return options[self.number(len(options))]

    def taken(self, longest: int = 32) -> bytes:
        """Some of the bytes themselves."""
        length = self.number(longest + 1)
        found = self._data[self._at : self._at + length]
        self._at += len(found)
        return found

    def text(self, longest: int = 32) -> str:
        """Bytes as text; each byte that is not of UTF-8 is left out."""
        return self.taken(longest).decode(errors="ignore")

    def rest(self) -> bytes:
        found = self._data[self._at :]
        self._at = len(self._data)
        return found
