"""Finding the key or token in a request, and hiding it from the upstream."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias
from urllib.parse import unquote

from extauth.check.request import Request
from extauth.policy.credentials import CredentialSource
from extauth.policy.reasons import Reason

MAX_LENGTH = 16_384  # characters; a token with many claims has some thousands

Find = Callable[[Request], str | Reason | None]
"""The credential in one place; None when there is none; AMBIGUOUS_KEY or MALFORMED_KEY."""


Credential: TypeAlias = tuple[str, tuple[str, ...]]
"""What was sent, and what it may be there (`accepts` of its place)."""


class CredentialFinder:
    """Looks in all places of one API, so that a credential in two places is noticed."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        self._places: list[tuple[Find, tuple[str, ...]]] = [(_find(source), source.accepts) for source in sources]

    def find(self, request: Request) -> Credential | Reason:
        """The credential, or why there is none to look up."""
        found: Credential | None = None
        for find, accepts in self._places:
            text = find(request)
            if text is None:
                continue
            if type(text) is Reason:  # not `isinstance`, which is slow to say no of an enum
                return text
            if found is not None:
                return Reason.AMBIGUOUS_KEY
            found = (text, accepts)
        if found is None:
            return Reason.MISSING_KEY
        return Reason.MALFORMED_KEY if len(found[0]) > MAX_LENGTH else found


def _find(source: CredentialSource) -> Find:
    if source.header is not None:
        return _in_header(source.header, source.scheme, optional=source.scheme_optional)
    if source.query is not None:
        return _in_query(source.query)
    assert source.cookie is not None
    return _in_cookie(source.cookie)


def _in_header(header: str, schemes: Iterable[str], *, optional: bool) -> Find:
    words = frozenset(scheme.lower() for scheme in schemes)

    def find(request: Request) -> str | Reason | None:
        value = request.headers.get(header)
        if not value:
            return None
        if "," in value:  # sent twice: the upstream and we might pick different ones
            return Reason.AMBIGUOUS_KEY
        value = value.strip(" \t")
        if not words:
            return value or None
        word, _, rest = value.partition(" ")  # RFC 9110, 11.4: the scheme, one space or more, the credential
        if word.lower() in words:
            return rest.strip(" \t") or None
        return value if optional and value and not rest else None

    return find


def _in_query(name: str) -> Find:
    def find(request: Request) -> str | Reason | None:
        if not request.query:
            return None
        found: list[str] = []
        for parameter in request.query.split("&"):
            sent_name, _, value = parameter.partition("=")
            if sent_name != name:
                if "%" in sent_name and unquote(sent_name) == name:
                    return Reason.MALFORMED_KEY  # Envoy would not remove it: it compares names as they are sent
                continue
            found.append(unquote(value, errors="replace") if "%" in value else value)
        return _only_one(found)

    return find


def _in_cookie(name: str) -> Find:
    def find(request: Request) -> str | Reason | None:
        return _only_one([value for sent_name, value in _cookies(request.headers.get("cookie")) if sent_name == name])

    return find


def _only_one(found: Sequence[str]) -> str | Reason | None:
    if len(found) > 1:
        return Reason.AMBIGUOUS_KEY
    return found[0] or None if found else None


def _cookies(header: str | None) -> list[tuple[str, str]]:
    """Names and values (RFC 6265, 4.2). Envoy joins two Cookie headers with a comma, which no value contains."""
    pairs = [pair.strip(" \t").partition("=") for pair in (header or "").replace(",", ";").split(";")]
    return [(name, value) for name, _, value in pairs if name]


class Concealment:
    """What Envoy must take out of a request so that the upstream sees no credential."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        self.headers = tuple(dict.fromkeys(source.header for source in sources if source.header is not None))
        """Every header that may hold a credential, wherever it was found this time."""
        self._parameters: tuple[str, ...] = tuple(source.query for source in sources if source.query is not None)
        self._cookies = frozenset(source.cookie for source in sources if source.cookie is not None)
        self.is_the_same_for_all = not self._parameters and not self._cookies
        """Whether `headers` is all that there is to it, whatever the request."""

    def parameters(self, request: Request) -> list[str]:
        """Query parameters to remove; none that are not there, since Envoy rewrites the whole query to remove one."""
        if not self._parameters or not request.query:
            return []
        sent = {parameter.partition("=")[0] for parameter in request.query.split("&")}
        return [name for name in self._parameters if name in sent]

    def cookie(self, request: Request) -> str | None:
        """The Cookie header without credentials, empty when nothing is left; None when it may stay as it is."""
        if not self._cookies or "cookie" not in request.headers:
            return None
        kept = [pair for pair in _cookies(request.headers["cookie"]) if pair[0] not in self._cookies]
        return "; ".join(f"{name}={value}" for name, value in kept)
