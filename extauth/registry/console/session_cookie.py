"""The cookie of a session: no script reads it, no other site sends it."""

from starlette.responses import Response

from extauth.registry.console.session import LONGEST

_PLAIN, _HOST = "extauth-console", "__Host-extauth-console"
COOKIES = (_HOST, _PLAIN)
"""Names. Browsers take the first one over TLS alone, and from no other host of the domain."""


def give(answer: Response, cookie: str, *, over_tls: bool) -> None:
    name = _HOST if over_tls else _PLAIN
    answer.set_cookie(name, cookie, max_age=LONGEST, path="/", secure=over_tls, httponly=True, samesite="strict")


def take(answer: Response, *, over_tls: bool) -> None:
    name = _HOST if over_tls else _PLAIN
    answer.delete_cookie(name, path="/", secure=over_tls, httponly=True, samesite="strict")
