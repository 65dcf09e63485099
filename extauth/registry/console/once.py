"""A form that is sent twice makes one thing: its answer is kept, encrypted, as that of the REST API is.

The hidden field `once` is the Idempotency-Key. Where the first of two is still at work, the second waits for a moment:
a browser shows the answer of the last one, which has to be the same secret.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from extauth.registry.console.forgery import FIELD as CSRF
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError
from extauth.registry.idempotency import HEADER, IdempotentAnswers, Repeatable
from extauth.registry.key import IssuedKey

FIELD = "once"
_LONGEST = 64
_PATIENCE = 5.0
"""Seconds for the first of two to end."""
_PACE = 0.05


class Issued(NamedTuple):
    """A key that was made, now or by the same form before."""

    key_id: str
    name: str
    secret: str


def new_once() -> str:
    """For a new form."""
    return secrets.token_urlsafe(24)


def issue_once(visit: Visit, answers: IdempotentAnswers, work: Callable[[], IssuedKey]) -> Issued:
    """What `work` makes, or made for this form; without the field there is nothing to know it by.

    Raises what `work` does; InvalidError when the form was sent with other values before.
    """
    once = visit.form.get(FIELD, "")[:_LONGEST]
    if not once:
        return Issued(*_told(work()))
    said = sorted((name, value) for name, value in visit.form.items() if name != CSRF)
    fingerprint = hashlib.sha256(json.dumps([visit.request.url.path, said]).encode()).digest()
    request = Repeatable(visit.identity.name, once, fingerprint)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            answer, _ = answers.once(request, lambda: json.dumps(_told(work())).encode())
        except ConflictError as error:
            if error.problem.field != HEADER or time.monotonic() > deadline:
                raise
            time.sleep(_PACE)
        else:
            return Issued(*json.loads(answer))


def _told(issued: IssuedKey) -> tuple[str, str, str]:
    return issued.key.id, issued.key.name, issued.secret
