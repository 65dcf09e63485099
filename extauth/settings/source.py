"""A YAML file as plain data, with the position of every field kept for the report."""

from pathlib import Path
from typing import Any

import yaml

from extauth.settings.problems import Problem, SettingsError

FieldPath = tuple[str | int, ...]
MAX_BYTES = 4 * 1024 * 1024
MAX_REPEATED = 50_000
"""Fields and items that aliases stand for: a few lines of them can stand for billions."""
MAX_DEPTH = 100
_UNREADABLE = (ValueError, LookupError, AttributeError, TypeError, OverflowError)
"""What PyYAML raises, beside its own errors, for a value that is none of its tag, as `!!int many`."""


class Source:
    """The data of one file, and where in the file each of its fields stands."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._positions: dict[FieldPath, tuple[int, int]] = {}
        self._repeated: list[Problem] = []
        self._seen: set[int] = set()
        self._repeated_by_aliases = 0
        self.data = self._compose(text)
        if self._repeated:
            raise SettingsError(self._repeated)

    @classmethod
    def read(cls, path: Path) -> "Source":
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SettingsError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from error
        if len(data) > MAX_BYTES:
            raise SettingsError([Problem(str(path), 0, 0, "", f"has {len(data)} bytes; at most {MAX_BYTES} are read")])
        try:
            return cls(data.decode(), str(path))
        except UnicodeDecodeError as error:
            raise SettingsError([Problem(str(path), 0, 0, "", "is not UTF-8 text", "save it as UTF-8")]) from error

    def position(self, path: FieldPath) -> tuple[int, int]:
        """Line and column (from 1) of a field, or of the nearest field around it."""
        while path and path not in self._positions:
            path = path[:-1]
        return self._positions.get(path, (1, 1))

    def problem(self, path: FieldPath, message: str, remedy: str = "") -> Problem:
        line, column = self.position(path)
        return Problem(self.name, line, column, dotted(path), message, remedy)

    def _compose(self, text: str) -> Any:  # noqa: ANN401 (the shape is checked by the model that it is given to)
        try:
            return self._load(yaml.SafeLoader(text))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            message = f"is not YAML: {getattr(error, 'problem', None) or error}"
            raise SettingsError([Problem(self.name, line, column, "", message)]) from error
        except RecursionError:
            raise SettingsError([Problem(self.name, 0, 0, "", f"is nested more than {MAX_DEPTH} deep")]) from None
        except _UNREADABLE:
            raise SettingsError([Problem(self.name, 0, 0, "", "has a value that does not fit its YAML tag")]) from None

    def _load(self, loader: yaml.SafeLoader) -> Any:  # noqa: ANN401 (as above)
        try:
            node = loader.get_single_node()
            if node is None:
                return {}
            self._locate(node, (), set())
            return loader.construct_document(node)
        finally:
            loader.dispose()

    def _locate(self, node: yaml.Node, path: FieldPath, above: set[int]) -> None:
        self._positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        self._repeated_by_aliases += id(node) in self._seen
        self._seen.add(id(node))
        if id(node) in above:  # an alias that contains itself
            raise yaml.YAMLError("an anchor refers to itself")
        if len(path) > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} deep")
        if self._repeated_by_aliases > MAX_REPEATED:
            raise yaml.YAMLError(f"its aliases stand for more than {MAX_REPEATED:,} fields")
        above = above | {id(node)}
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._locate(item, (*path, index), above)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.YAMLError("the name of a field is a text")
                name = str(key.value)
                child = (*path, name)
                self._positions[child] = (key.start_mark.line + 1, key.start_mark.column + 1)
                if name in seen:
                    self._repeated.append(self.problem(child, "stands here twice", "keep one of the two"))
                seen.add(name)
                self._locate(value, child, above)


def dotted(path: FieldPath) -> str:
    """`("apis", 0, "name")` as `apis[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
