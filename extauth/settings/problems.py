"""What is wrong with a settings file, said so that a person can act on it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it stands (line and column from 1, 0 when unknown), which field, what and how to mend it."""

    file: str
    line: int
    column: int
    field: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}: {self.field}: {self.message}{remedy}" if self.field else f"{place}: {self.message}{remedy}"


class SettingsError(Exception):
    """A settings file that cannot be used, with all of its problems in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column, problem.field))
        super().__init__("\n".join(str(problem) for problem in self.problems))
