"""Which API a request belongs to."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from extauth.check.request import Request
from extauth.policy.schema import Match

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3
_HEX = frozenset("0123456789abcdefABCDEF")
_CONFUSING = frozenset(b"/\\\0;")
_HEX_DIGITS = 2


class Matchable(Protocol):
    """Anything with a `match` section."""

    @property
    def match(self) -> Match: ...

    @property
    def reads_paths(self) -> bool:
        """Whether anything depends on the path of a request."""
        ...


Target = TypeVar("Target", bound=Matchable)


class Router(Generic[Target]):
    """Finds the first target whose conditions a request meets."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._routes = [(_Conditions(target.match), target) for target in targets]
        self._reads_paths = any(target.reads_paths for target in targets)

    def refuses(self, request: Request) -> bool:
        """Whether the upstream might see another path than the one that would be matched here."""
        return self._reads_paths and is_ambiguous_path(request.path)

    def find(self, request: Request) -> Target | None:
        path = request.path
        below = path + "/"  # "/v1/" begins it for "/v1" and for "/v1/a", not for "/v1a"
        for conditions, target in self._routes:
            if conditions.cover(path, below) and (conditions.are_paths or conditions.met_by(request)):
                return target
        return None


class _Conditions:
    def __init__(self, match: Match) -> None:
        self._any_host = not match.hosts or "*" in match.hosts
        self._hosts = frozenset(host for host in match.hosts if not host.startswith("*"))
        self._host_suffixes = tuple(host[1:] for host in match.hosts if host.startswith("*."))
        self._any_path = not match.paths or "/" in match.paths
        self._exact_paths = frozenset(path[1:] for path in match.paths if path.startswith("="))
        self._path_prefixes = tuple(path.rstrip("/") + "/" for path in match.paths if not path.startswith("="))
        self._methods = frozenset(match.methods)
        self._context = tuple(match.context.items())
        self.are_paths = self._any_host and not self._methods and not self._context
        """Whether nothing but the path matters."""

    def met_by(self, request: Request) -> bool:
        return (
            (self._any_host or request.host in self._hosts or request.host.endswith(self._host_suffixes))
            and (not self._methods or request.method in self._methods)
            and (not self._context or all(request.context.get(name) == value for name, value in self._context))
        )

    def cover(self, path: str, below: str) -> bool:
        """Whether the path is one of them; `below` is what all paths below it begin with."""
        return self._any_path or path in self._exact_paths or below.startswith(self._path_prefixes)


def is_ambiguous_path(path: str) -> bool:
    r"""Whether servers disagree on what this path means: `//`, `.` and `..`, `\`, `;`, or escapes that some undo.

    Envoy can normalise or refuse most of these, but not all of them, and not every installation tells it to.
    """
    if "//" in path or "\\" in path or ";" in path:
        return True
    if "/." in path and any(part in {".", ".."} for part in path.split("/")):
        return True
    return "%" in path and any(_is_confusing_escape(rest) for rest in path.split("%")[1:])


def _is_confusing_escape(text: str) -> bool:
    digits = text[:_HEX_DIGITS]
    if len(digits) < _HEX_DIGITS or not _HEX.issuperset(digits):
        return True
    byte = int(digits, 16)
    return byte in _CONFUSING or byte in _UNRESERVED
