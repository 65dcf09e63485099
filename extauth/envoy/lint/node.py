"""A part of an Envoy configuration, as data, that knows where it stands in the file.

Envoy reads field names as its documentation writes them (`normalize_path`) and as JSON of protobuf does
(`normalizePath`); so does this.
"""

import re
from collections.abc import Iterator
from typing import Any

from extauth.settings.source import FieldPath

_DURATION = re.compile(r"(\d+(?:\.\d{1,9})?)s")
_PREFIX = re.compile(r"^type\.googleapis\.com/")


class Node:
    """A value; `path` leads to it from the top of the file."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: FieldPath) -> None:  # noqa: ANN401 (YAML of any shape)
        self.value = value
        self.path = path

    def __bool__(self) -> bool:
        """Whether it is there at all; an empty message is."""
        return self.value is not None

    def get(self, *names: str) -> "Node":
        """The field that these names lead to; a Node of None where one is missing."""
        node = self
        for name in names:
            node = node._field(name)
        return node

    def items(self) -> "Iterator[Node]":
        """The elements of a repeated field, or the values of a map; none for anything else."""
        if isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield Node(item, (*self.path, index))
        elif isinstance(self.value, dict):
            for name, item in self.value.items():
                yield Node(item, (*self.path, str(name)))

    @property
    def type(self) -> str:
        """The full name of the message in an Any; empty for anything else."""
        found = self.value.get("@type") if isinstance(self.value, dict) else None
        return _PREFIX.sub("", found) if isinstance(found, str) else ""

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> float:
        """A number, also of a wrapper or written as text; 0 for anything else."""
        try:
            return float(self.value) if isinstance(self.value, int | float | str) else 0.0
        except (ValueError, OverflowError):
            return 0.0

    @property
    def seconds(self) -> float | None:
        """A Duration in seconds; None when there is none that can be read."""
        match = _DURATION.fullmatch(self.text)
        return float(match[1]) if match else None

    @property
    def is_true(self) -> bool:
        return self.value is True

    def walk(self) -> "Iterator[Node]":
        """This and everything in it, from the top down."""
        yield self
        for item in self.items():
            yield from item.walk()

    def _field(self, name: str) -> "Node":
        if not isinstance(self.value, dict):
            return Node(None, (*self.path, name))
        words = name.split("_")
        for spelling in (name, words[0] + "".join(word.capitalize() for word in words[1:])):
            if spelling in self.value:
                return Node(self.value[spelling], (*self.path, spelling))
        return Node(None, (*self.path, name))
