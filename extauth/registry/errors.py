"""What the registry refuses, and what it cannot do now. No error of a library leaves the package.

None of the texts repeats what the caller sent: an id or a search text may be a whole key, pasted by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault in what was asked for: the field, what is wrong with it and how to mend it."""

    field: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class RegistryError(Exception):
    """Base of all errors of the registry."""


class InvalidError(RegistryError):
    """Fields that cannot be taken as they are; all of them at once."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class NotFoundError(RegistryError):
    """Nothing of this `kind` (key, revocation) has the given id."""

    def __init__(self, kind: str = "key") -> None:
        self.kind = kind
        article = "an" if kind[0] in "aeiou" else "a"
        self.problem = FieldProblem("id", f"is not that of {article} {kind}", f"list the {kind}s to find it")
        super().__init__(str(self.problem))


class ConflictError(RegistryError):
    """The key, or another `kind` of thing, is in a state that rules the operation out; `message` says in which."""

    def __init__(self, message: str, remedy: str, kind: str = "key", field: str = "status") -> None:
        self.kind = kind
        self.problem = FieldProblem(field, message, remedy)
        super().__init__(str(self.problem))


class StaleError(RegistryError):
    """What was to be changed has another revision by now than the one that the change was made for."""

    def __init__(self, kind: str, revision: int) -> None:
        self.kind = kind
        self.revision = revision
        self.problem = FieldProblem("revision", f"is {revision} by now", f"read the {kind} again")
        super().__init__(str(self.problem))


class ForbiddenError(RegistryError):
    """Whoever asks may not do this."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.problem = FieldProblem("authorization", message, remedy)
        super().__init__(str(self.problem))


class UnavailableError(RegistryError):
    """The database does not answer, or not as it should. Nothing was changed."""
