"""Paths in a policy: `/v1` (and all below it), `=/v1` (just that), `/v1/{name}/x` (one segment, by name)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,128}")  # what may stand for a variable: no text that a scope could not have
_NONE: Mapping[str, str] = MappingProxyType({})


class PathPattern:
    """A pattern made ready to match."""

    __slots__ = ("_below", "_exact", "_itself", "_segments", "_variables")

    def __init__(self, pattern: str) -> None:
        self._exact = pattern.startswith("=")
        self._segments = pattern.removeprefix("=").strip("/").split("/") if pattern.strip("=/") else []
        self._variables = {
            index: match[1] for index, segment in enumerate(self._segments) if (match := _VARIABLE.fullmatch(segment))
        }
        self._itself = "/" + "/".join(self._segments)
        self._below = self._itself.rstrip("/") + "/"

    @property
    def fixed(self) -> tuple[str, str | None] | None:
        """The path and what all paths below it begin with (None when it is for itself alone), if that says it all."""
        if self._variables or not self._segments:
            return None
        return self._itself, None if self._exact else self._below

    def match(self, path: str) -> Mapping[str, str] | None:
        """The variables' values, or None when the path does not match."""
        if not self._variables and self._segments:  # nearly always
            return _NONE if path == self._itself or (not self._exact and path.startswith(self._below)) else None
        return self._match_segments(path)

    def _match_segments(self, path: str) -> Mapping[str, str] | None:
        segments = path.split("/")[1:] if path != "/" else []
        if len(segments) < len(self._segments) or (self._exact and len(segments) > len(self._segments)):
            return None
        found: dict[str, str] = {}
        for index, segment in enumerate(self._segments):
            if index not in self._variables:
                if segment != segments[index]:
                    return None
            elif _VALUE.fullmatch(segments[index]):
                found[self._variables[index]] = segments[index]
            else:
                return None
        return found


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables in the places of their names."""
    return _VARIABLE.sub(lambda match: variables[match[1]], text)
