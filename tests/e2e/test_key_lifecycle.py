"""What `extauth keys` does to a key is what Envoy does a moment later."""

import json
import time
from typing import Any

from tests.e2e import http1
from tests.e2e.eventually import eventually
from tests.e2e.running import Running
from tests.e2e.scenario import PLAIN

_SOON = 1.0  # seconds


def reason(stack: Running, secret: str) -> str:
    """`ok`, or why not."""
    answer = http1.send(stack.url, PLAIN, [("x-api-key", secret)])
    assert answer.status in {200, 401}
    return answer.reason or "ok"


def soon(stack: Running, secret: str, expected: str, seconds: float = _SOON) -> None:
    eventually(lambda: reason(stack, secret) == expected, seconds)


def in_json(stack: Running, *arguments: str) -> Any:
    return json.loads(stack.keys(*arguments, "--output", "json"))


def test_create_and_revoke(stack: Running) -> None:
    made = in_json(stack, "create", "--name", "by hand", "--tenant", "globex", "--scope", "a", "--scope", "b")
    assert (made["name"], made["tenant"], made["scopes"], made["status"]) == (
        "by hand",
        "globex",
        ["a", "b"],
        "active",
    )
    soon(stack, made["secret"], "ok")
    revoked = in_json(stack, "revoke", made["id"], "--reason", "a test")
    soon(stack, made["secret"], "revoked_key")
    assert (revoked["status"], revoked["revoked_reason"]) == ("revoked", "a test")
    assert "secret" not in revoked


def test_a_key_that_was_asked_for_before_it_was_made(stack: Running) -> None:
    """The sidecar remembers that a key does not exist; the change feed makes it forget."""
    made = in_json(stack, "create", "--name", "early", "--tenant", "globex")
    seen = {reason(stack, made["secret"])}
    soon(stack, made["secret"], "ok")
    assert seen <= {"ok", "invalid_key"}


def test_rotate_with_grace(stack: Running) -> None:
    old = stack.issue(tenant="globex", scopes=["a"])
    new = in_json(stack, "rotate", old.id, "--grace", "1h")
    soon(stack, new["secret"], "ok")
    assert reason(stack, old.secret) == "ok"
    assert (new["rotated_from"], new["scopes"], new["tenant"]) == (old.id, ["a"], "globex")
    assert in_json(stack, "show", old.id)["rotated_to"] == new["id"]


def test_rotate_at_once(stack: Running) -> None:
    old = stack.issue()
    assert reason(stack, old.secret) == "ok"
    secret = stack.keys("rotate", old.id, "--grace", "0s", "--quiet").strip()
    soon(stack, secret, "ok")
    soon(stack, old.secret, "revoked_key")


def test_expire(stack: Running) -> None:
    now, later = stack.issue(), stack.issue()
    assert reason(stack, later.secret) == "ok"
    stack.keys("expire", now.id)
    soon(stack, now.secret, "expired_key")
    begun = time.monotonic()
    stack.keys("expire", later.id, "--at", "2s")
    if time.monotonic() - begun < 1.5:  # not on a machine where a command takes that long
        assert reason(stack, later.secret) == "ok"
    soon(stack, later.secret, "expired_key", 2 + _SOON)


def test_not_yet_valid(stack: Running) -> None:
    made = in_json(stack, "create", "--name", "of tomorrow", "--tenant", "globex", "--not-before", "1d")
    stack.wait_until_published()
    soon(stack, made["secret"], "not_yet_valid")


def test_disable_and_enable(stack: Running) -> None:
    key = stack.issue()
    assert reason(stack, key.secret) == "ok"
    stack.keys("disable", key.id)
    soon(stack, key.secret, "disabled_key")
    stack.keys("enable", key.id)
    soon(stack, key.secret, "ok")


def test_a_change_of_scopes(stack: Running) -> None:
    key = stack.issue()
    headers = [key.header]
    assert http1.send(stack.url, "/scoped", headers).reason == "missing_scope"
    stack.keys("update", key.id, "--scope", "orders:read")
    eventually(lambda: http1.send(stack.url, "/scoped", headers).status == 200, _SOON)
