"""Idempotency keys: a request that is sent again is answered again, and done once.

The answer is written in the transaction that does the work, so there is never one without the other. It may hold a
secret that is shown once, so it is encrypted: AES-256-GCM, under a key that HKDF-SHA-256 (RFC 5869) derives from the
client's own Idempotency-Key, salted with the pepper. The database has neither of the two, and the process forgets the
first with the request; so only whoever sends the request again can have the answer again, and only for a day.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from extauth.keys.digest import Pepper
from extauth.registry import times
from extauth.registry.admin_schema import idempotent_answers
from extauth.registry.database import Database
from extauth.registry.errors import ConflictError, FieldProblem, InvalidError
from extauth.registry.transaction import Transaction

HEADER = "Idempotency-Key"
LIFETIME = 24 * 3_600_000
"""Milliseconds."""
_NONCE = 12
"""Bytes."""


class Repeatable:
    """One request that may come again: who sends it, under which key, and a digest of all that it says."""

    def __init__(self, identity: str, key: str, fingerprint: bytes) -> None:
        self._identity = identity
        self._key = key
        self.fingerprint = fingerprint

    def derive(self, pepper: Pepper, purpose: bytes) -> bytes:
        """32 bytes that nobody can tell without both the key and the pepper; other ones for each purpose."""
        salt = pepper.digest(f"\0idempotency\0{self._identity}")
        return HKDF(SHA256(), 32, salt, purpose).derive(self._key.encode())


class IdempotentAnswers:
    """The answers of the last day. Each call may raise UnavailableError."""

    def __init__(self, database: Database, peppers: Sequence[Pepper], clock: Callable[[], int] = times.now) -> None:
        self._database = database
        self._peppers = peppers
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work: set[bytes] = set()

    def once(self, request: Repeatable, work: Callable[[], bytes]) -> tuple[bytes, bool]:
        """The answer of `work`, which runs in one transaction with its being kept, and whether it is an earlier one.

        InvalidError when the key came with another request; ConflictError while the first one is being worked on.
        After an error of `work` nothing is kept, and the request may come again.
        """
        now = self._clock()
        with self._alone(request), self._database.write() as connection:
            Transaction(connection, "", now).wait_for_turn()  # another process may be at it
            _forget(connection, now)
            known = self._find(connection, request)
            if known is not None:
                return known, True
            answer = work()
            self._keep(connection, request, answer, now)
            return answer, False

    def forget_old(self) -> None:
        """Delete what is older than a day; nobody is held up when there is nothing."""
        now = self._clock()
        with self._database.read() as connection:
            found = connection.execute(select(idempotent_answers.c.id).where(_is_old(now)).limit(1)).one_or_none()
        if found is not None:
            with self._database.write() as connection:
                _forget(connection, now)

    @contextmanager
    def _alone(self, request: Repeatable) -> Iterator[None]:
        """Refuse a second one, rather than hold a thread until the first is done."""
        row_id = request.derive(self._peppers[0], b"id")
        with self._lock:
            if row_id in self._at_work:
                raise ConflictError("came with a request that is still at work", "send it again later", "key", HEADER)
            self._at_work.add(row_id)
        try:
            yield
        finally:
            with self._lock:
                self._at_work.discard(row_id)

    def _find(self, connection: Connection, request: Repeatable) -> bytes | None:
        for pepper in self._peppers:
            row_id = request.derive(pepper, b"id")
            row = connection.execute(select(idempotent_answers).where(idempotent_answers.c.id == row_id)).one_or_none()
            if row is None:
                continue
            if row.fingerprint != request.fingerprint:
                raise _other_request()
            cipher = AESGCM(request.derive(pepper, b"answer"))
            try:
                return cipher.decrypt(row.answer[:_NONCE], row.answer[_NONCE:], row.fingerprint)
            except InvalidTag:  # somebody wrote into the database
                raise _other_request() from None
        return None

    def _keep(self, connection: Connection, request: Repeatable, answer: bytes, now: int) -> None:
        pepper = self._peppers[0]
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(request.derive(pepper, b"answer")).encrypt(nonce, answer, request.fingerprint)
        values = {
            "id": request.derive(pepper, b"id"),
            "fingerprint": request.fingerprint,
            "answer": nonce + sealed,
            "created_at": now,
        }
        connection.execute(insert(idempotent_answers).values(values))


def _forget(connection: Connection, now: int) -> None:
    connection.execute(delete(idempotent_answers).where(_is_old(now)))


def _is_old(now: int) -> ColumnElement[bool]:
    return idempotent_answers.c.created_at <= now - LIFETIME


def _other_request() -> InvalidError:
    return InvalidError([FieldProblem(HEADER, "came with another request before", "use a new key for a new request")])
