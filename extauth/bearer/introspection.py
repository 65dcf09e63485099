"""Opaque tokens: what an authorization server said of them is remembered for a while; others are asked about.

A few threads ask, each over a connection that stays open. Those who want to know of the same token share one question.
After a failure the server is left alone for a moment, and tokens that are not in memory fail at once.
"""

import re
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple

from extauth.bearer.authorization_server import AuthorizationServer
from extauth.bearer.claims import MAX_TOKEN_LENGTH, Claims, Refusal
from extauth.bearer.errors import ERROR_KINDS, ErrorKind, IssuerUnavailableError
from extauth.bearer.http_client import HttpClient
from extauth.bearer.settings import IntrospectionSettings
from extauth.bearer.token_cache import TokenCache, digest_of
from extauth.telemetry.bearer_metrics import BearerMetrics
from extauth.telemetry.logs import logger

_log = logger(__name__)

Judgement = Claims | Refusal
Done = Callable[[Judgement], None]

CONNECTIONS = 4
MAX_WAITING = 1_000
_CACHE_SIZE = 20_000  # tokens of each sort: those that are good are not pushed out by a flood of those that are not
_REST_AFTER_FAILURE = 0.25  # seconds
_SERVER_IS_DOWN = frozenset[ErrorKind]({"connection", "timeout", "tls", "status"})
"""Failures of the server as such. Another may be due to one token, and must not stop questions about the rest."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # b64token, RFC 6750, 2.1
_OK = "ok"


class _Known(NamedTuple):
    """Holds until then, Unix seconds."""

    judgement: Judgement
    until: float


class _Question:
    """What is being asked, and who wants to know. `deadline` in monotonic seconds: nobody waits for longer."""

    __slots__ = ("deadline", "digest", "token", "waiting")

    def __init__(self, token: str, digest: bytes, deadline: float, done: Done) -> None:
        self.token = token
        self.digest = digest
        self.deadline = deadline
        self.waiting = [done]


class Introspector:
    """One authorization server. Start it once; `lookup` and `ask` from any thread. Raises SecretError."""

    def __init__(
        self,
        settings: IntrospectionSettings,
        metrics: BearerMetrics,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = settings.name
        self.error: str | None = None
        """Why the last question failed, None when it did not."""
        self._server = AuthorizationServer(settings)
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._active: TokenCache[_Known] = TokenCache(_CACHE_SIZE)
        self._refused: TokenCache[_Known] = TokenCache(_CACHE_SIZE)
        self._questions: dict[bytes, _Question] = {}
        self._lock = threading.Lock()
        self._queue: SimpleQueue[_Question | None] = SimpleQueue()  # None ends a thread
        self._closed_until = 0.0
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"introspection-{settings.name}-{number}", daemon=True)
            for number in range(CONNECTIONS)
        ]
        self._outcomes = {one: metrics.verifications.labels(self.name, one) for one in (_OK, *Refusal)}
        self._failures = {kind: metrics.introspection_failures.labels(self.name, kind) for kind in ERROR_KINDS}
        self._hits = metrics.cache_hits.labels(self.name)
        self._seconds = metrics.introspection_seconds.labels(self.name)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> None:
        """Answer all that wait, without asking, then end. `timeout` in seconds, for the questions under way."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._stopping = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def lookup(self, token: str, now: float) -> Judgement | None:
        """What is known of the token, None when it must be asked about. `now` in Unix seconds."""
        digest = digest_of(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if digest is None:
            return self._count(Refusal.MALFORMED)
        for known in (self._active.get(digest), self._refused.get(digest)):
            if known is not None and now < known.until:
                self._hits.inc()
                return self._count(known.judgement)
        return None if _TOKEN.fullmatch(token) else self._count(Refusal.MALFORMED)

    def ask(self, token: str, deadline: float, done: Done) -> None:
        """Ask about a token that `lookup` does not know. `done` is called once, here or on a thread of this class.

        Past `deadline` (monotonic seconds) nothing is asked any more. A question under way is not cut short: its
        answer serves the next request.
        """
        digest = digest_of(token)
        assert digest is not None
        with self._lock:
            shared = self._questions.get(digest)
            if shared is not None:
                shared.deadline = max(shared.deadline, deadline)
                shared.waiting.append(done)
                return
            question = _Question(token, digest, deadline, done)
            self._questions[digest] = question
            fault = self._fault_of(question) or ("overload" if self._queue.qsize() >= MAX_WAITING else None)
            if fault is None:
                self._queue.put(question)
        if fault is not None:
            self._finish(question, self._fail(fault))

    def _run(self) -> None:
        client = self._server.connect()
        while (question := self._queue.get()) is not None:
            self._finish(question, self._answer(client, question))
        client.close()

    def _answer(self, client: HttpClient, question: _Question) -> Judgement:
        fault = self._fault_of(question)
        if fault is not None:
            return self._fail(fault)
        try:
            with self._seconds.time():
                members = self._server.ask(client, question.token)
            judgement = self._server.judge(members, self._wall())
        except IssuerUnavailableError as error:
            return self._suffer(error)
        except Exception:  # noqa: BLE001 (an answer that upsets a library must not end the thread)
            _log.exception("introspection_not_understood", issuer=self.name)
            return self._fail("reply")
        self.error = None
        self._keep(question.digest, judgement)
        return judgement

    def _fault_of(self, question: _Question) -> ErrorKind | None:
        """Why the question should not be asked now."""
        now = self._clock()
        if self._stopping or question.deadline <= now:
            return "deadline"
        return "circuit" if now < self._closed_until else None

    def _suffer(self, error: IssuerUnavailableError) -> Refusal:
        if error.kind in _SERVER_IS_DOWN:
            self._closed_until = self._clock() + _REST_AFTER_FAILURE
        if self.error != str(error):
            _log.warning("introspection_failed", issuer=self.name, error=str(error))
        self.error = str(error)
        return self._fail(error.kind)

    def _fail(self, kind: ErrorKind) -> Refusal:
        self._failures[kind].inc()
        return Refusal.UNAVAILABLE

    def _keep(self, digest: bytes, judgement: Judgement) -> None:
        now = self._wall()
        if isinstance(judgement, Refusal):
            self._refused.put(digest, _Known(judgement, now + self._settings.negative_cache))
            return
        until = now + self._settings.cache
        self._active.put(
            digest, _Known(judgement, min(until, judgement.expires_at / 1000) if judgement.expires_at else until)
        )

    def _finish(self, question: _Question, judgement: Judgement) -> None:
        with self._lock:
            del self._questions[question.digest]  # nobody can join any more
        for done in question.waiting:
            self._count(judgement)
            try:
                done(judgement)
            except Exception:  # noqa: BLE001 (a fault in one check must not end the thread that others need)
                _log.exception("check_failed_after_introspection")

    def _count(self, judgement: Judgement) -> Judgement:
        self._outcomes[judgement if isinstance(judgement, Refusal) else _OK].inc()
        return judgement
