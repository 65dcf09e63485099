"""The grant of a caller of whom nothing is known, which an API may give while Redis is away."""

from collections.abc import Sequence

from extauth.bearer.claims import Claims
from extauth.check import answer
from extauth.check.caller import NOBODY
from extauth.check.grant import Grant
from extauth.check.limit import Limiter
from extauth.store.draw import Draw


def grant_of_nobody(limiter: Limiter, hidden: Sequence[str]) -> Grant:
    """Without scopes or identity: `hidden` are the headers that hold credentials or tell the upstream who calls."""
    draw = limiter.draw_of_nobody()
    found = (draw, None) if isinstance(draw, Draw) else (None, draw)
    return Grant(Claims("", ""), NOBODY, frozenset(), False, answer.allow((), hidden), *found)
