"""What both sides get to see, to the byte."""

import json
from typing import Any

from tests.e2e.answer import Answer


def refused(answer: Answer, status: int, body: Any) -> None:
    """A refusal with this body: the members in this order, and nothing else."""
    assert (answer.status, answer.body) == (status, json.dumps(body).encode())
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"


def passed(answer: Answer, secret: str, key_id: str, tenant: str) -> None:
    """The upstream answered; it was told who calls, and saw no credential."""
    assert answer.status == 200, answer.body
    assert secret not in answer.body.decode()
    assert answer.upstream_header("x-auth-key-id") == [key_id]
    assert answer.upstream_header("x-auth-tenant") == [tenant]


def limited(answers: list[Answer], elapsed: float, burst: int, per_second: float) -> Answer:
    """As many passed as the bucket held and gained meanwhile, and the rest were refused; the last of those."""
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}, set(statuses)
    assert statuses[:burst] == [200] * burst
    assert statuses.count(200) <= burst + elapsed * per_second + 1
    remaining = [int(answer.header("x-ratelimit-remaining") or -1) for answer in answers]
    assert remaining[0] == burst - 1
    assert {answer.header("x-ratelimit-limit") for answer in answers} == {str(burst)}
    last = next(answer for answer in reversed(answers) if answer.status == 429)
    assert last.header("x-ratelimit-remaining") == "0"
    return last


def rate_headers(answer: Answer) -> tuple[int, int, int]:
    """X-RateLimit-Limit, -Remaining and -Reset."""
    limit, remaining, reset = (
        int(str(answer.header(f"x-ratelimit-{name}"))) for name in ("limit", "remaining", "reset")
    )
    return limit, remaining, reset
