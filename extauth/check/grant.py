"""Grant: what an API makes of a caller, worked out once and kept while nothing about the caller changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from extauth.bearer.claims import Claims
from extauth.check import answer
from extauth.check.caller import Caller, IdentityHeaders
from extauth.check.credential import Concealment
from extauth.check.limit import Limiter, UncountableLimitError
from extauth.check.limit_draws import Draws
from extauth.check.permit import is_bounded
from extauth.keys.record import KeyRecord
from extauth.store.draw import Draw
from extauth.telemetry.logs import logger

_log = logger(__name__)

MOST_KEPT = 5_000  # about 1 kB each; and as many of the turn before
TURN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Grant:
    """A caller, and the part that all answers letting it pass have in common."""

    source: KeyRecord | Claims
    """What it was made from: it holds for this very object."""
    caller: Caller
    scopes: frozenset[str]
    has_bounds: bool
    """Whether `in_force` must be asked each time; never so for a token, whose verification did."""
    response: bytes
    """A serialised CheckResponse, to which `answer.more` may be appended."""
    draw: Draw | None
    """What each request takes from buckets; None when that depends on the request, or cannot be counted."""
    draws: Draws | None
    """What requests take, where it depends on them."""


class Grants:
    """The grants of one API. `of_key` and `of_token` from any thread: at worst two make the same grant.

    Who does not call for a whole turn is forgotten, so that memory does not grow with all keys that there ever were.
    """

    def __init__(
        self,
        identity: IdentityHeaders,
        concealment: Concealment,
        limiter: Limiter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._concealment = concealment
        self._limiter = limiter
        self._clock = clock
        self._kept: dict[str, Grant] = {}
        self._before: dict[str, Grant] = {}
        """Of the turn before."""
        self._turns_at = clock() + TURN

    def __len__(self) -> int:
        return len(self._kept) + len(self._before)

    def of_key(self, record: KeyRecord) -> Grant:
        kept = self._kept.get(record.key_id)
        if kept is not None and kept.source is record:
            return kept
        return self._again(record.key_id, record) or self._make(
            record.key_id, record, Caller.of_key(record), has_bounds=is_bounded(record)
        )

    def of_token(self, claims: Claims) -> Grant:
        # A space is in no key's id.
        name = f"{claims.issuer_name} {claims.subject} {claims.token_id}"
        kept = self._kept.get(name)
        if kept is not None and kept.source is claims:
            return kept
        return self._again(name, claims) or self._make(name, claims, Caller.of_token(claims), has_bounds=False)

    def _make(self, name: str, source: KeyRecord | Claims, caller: Caller, *, has_bounds: bool) -> Grant:
        set_headers, remove_headers = self._identity.of(caller)
        response = answer.allow(set_headers, [*self._concealment.headers, *remove_headers])
        draw = self._draw(caller)
        found = (draw, None) if isinstance(draw, Draw) else (None, draw)
        grant = Grant(source, caller, frozenset(caller.scopes), has_bounds, response, *found)
        self._keep(name, grant)
        return grant

    def _again(self, name: str, source: KeyRecord | Claims) -> Grant | None:
        """One of the turn before, which goes on."""
        grant = self._before.get(name)
        if grant is None or grant.source is not source:
            return None
        self._keep(name, grant)
        return grant

    def _keep(self, name: str, grant: Grant) -> None:
        # Cheaper than keeping order on each check.
        now = self._clock()
        if now >= self._turns_at or len(self._kept) >= MOST_KEPT:
            self._before, self._kept = self._kept, {}
            self._turns_at = now + TURN
        self._kept[name] = grant

    def _draw(self, caller: Caller) -> Draw | Draws | None:
        try:
            return self._limiter.draw(caller)
        except UncountableLimitError as error:  # to guess another limit could give a caller too much
            _log.error("limit_cannot_be_counted", key_id=caller.id, tenant=caller.tenant, limit=str(error))
            return None
