"""An authorization server that fails, hangs or chokes, and more questions than it answers."""

import threading
import time
from typing import Any

import pytest

from extauth.bearer.claims import Claims, Refusal
from extauth.bearer.introspection import CONNECTIONS
from tests.bearer.asker import MakeAsker, answer
from tests.bearer.http_server import HttpServer, Reply
from tests.support.wait import wait_until


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=500), "status"),
        (Reply(status=307, headers={"Location": "/other"}), "status"),
        (Reply(status=401), "refused"),
        (Reply(b"junk"), "reply"),
        (Reply(b"[]"), "reply"),
        (Reply(b"{}"), "reply"),
        (Reply(b'{"active": "true"}'), "reply"),
        (Reply(b'{"active": 1}'), "reply"),
        (Reply(b"[" * 100_000), "reply"),
        (Reply(b" " * 1_100_000), "too_large"),
        (Reply(raw=b""), "connection"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n", drip=0.5), "timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_trouble_with_the_server_is_not_the_clients_fault(
    asker: MakeAsker, server: HttpServer, reply: Reply, kind: str
) -> None:
    server.reply = reply
    made = asker(timeout="200ms")
    assert made.ask() is Refusal.UNAVAILABLE
    assert made.metric("introspection_failures_total", kind=kind) == 1
    assert made.metric("verifications_total", outcome="unavailable") == 1
    assert str(made.introspector.error).startswith(f"{kind}: ")
    assert made.lookup("opaque", time.time()) is None
    assert len(server.seen) == 1
    server.reply = answer()
    made.ahead = 0.3
    assert isinstance(made.ask(), Claims)
    assert made.introspector.error is None


def test_after_a_failure_the_server_is_left_alone_for_a_moment(
    asker: MakeAsker, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extauth.bearer.introspection._REST_AFTER_FAILURE", 60)
    made = asker()
    server.reply = Reply(status=503)
    made.ask("one")
    server.reply = answer()
    assert made.ask("two") is Refusal.UNAVAILABLE
    assert made.metric("introspection_failures_total", kind="circuit") == 1
    assert len(server.seen) == 1
    made.ahead = 60
    assert isinstance(made.ask("two"), Claims)


def test_a_token_that_the_server_chokes_on_does_not_stop_questions_about_others(
    asker: MakeAsker, server: HttpServer
) -> None:
    server.reply = lambda seen: Reply(status=413) if len(seen.body) > 1000 else answer()
    made = asker()
    assert made.ask("x" * 2000) is Refusal.UNAVAILABLE
    assert isinstance(made.ask("short"), Claims)


def test_what_is_remembered_serves_during_an_outage(asker: MakeAsker, server: HttpServer) -> None:
    made = asker()
    made.ask("known")
    server.stop()
    assert made.ask("unknown") is Refusal.UNAVAILABLE
    assert isinstance(made.lookup("known", time.time()), Claims)


def test_past_its_deadline_a_question_is_not_asked(asker: MakeAsker, server: HttpServer) -> None:
    go_on = threading.Event()
    server.reply = lambda _: answer() if go_on.wait(5) else answer(active=False)
    made = asker()
    for number in range(CONNECTIONS):
        made.ask_only(f"busy{number}")
    wait_until(lambda: len(server.seen) == CONNECTIONS)
    made.ask_only("late", seconds=0.05)
    made.ask_only("later", seconds=0.05)
    made.ask_only("later", seconds=5)  # the same question, by one who can wait longer
    made.ask_only("dead", seconds=-1)
    assert made.said == [Refusal.UNAVAILABLE]
    time.sleep(0.1)
    go_on.set()
    wait_until(lambda: len(made.said) == CONNECTIONS + 4)
    assert made.said.count(Refusal.UNAVAILABLE) == 2
    assert len(server.seen) == CONNECTIONS + 1
    assert made.metric("introspection_failures_total", kind="deadline") == 2


def test_too_many_questions_fail_at_once(asker: MakeAsker, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    server.reply = lambda _: answer() if go_on.wait(5) else answer(active=False)
    made = asker()
    for number in range(CONNECTIONS):
        made.ask_only(f"busy{number}")
    wait_until(lambda: len(server.seen) == CONNECTIONS)
    monkeypatch.setattr("extauth.bearer.introspection.MAX_WAITING", 3)
    for number in range(5):
        made.ask_only(f"t{number}")
    assert made.said == [Refusal.UNAVAILABLE] * 2
    assert made.metric("introspection_failures_total", kind="overload") == 2
    go_on.set()
    wait_until(lambda: len(made.said) == CONNECTIONS + 5)


def test_those_who_wait_are_answered_when_it_stops(asker: MakeAsker, server: HttpServer) -> None:
    go_on = threading.Event()
    server.reply = lambda _: answer() if go_on.wait(5) else answer(active=False)
    made = asker()
    for number in range(CONNECTIONS + 5):
        made.ask_only(f"t{number}")
    wait_until(lambda: len(server.seen) == CONNECTIONS)
    made.introspector.stop(timeout=0.01)
    go_on.set()
    wait_until(lambda: len(made.said) == CONNECTIONS + 5)
    assert made.said.count(Refusal.UNAVAILABLE) == 5
    assert made.ask("after") is Refusal.UNAVAILABLE


def test_a_fault_in_a_check_does_not_end_the_thread(asker: MakeAsker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extauth.bearer.introspection.CONNECTIONS", 1)
    made = asker()
    made.introspector.ask("one", time.monotonic() + 5, _fail)
    assert isinstance(made.ask("two"), Claims)
    monkeypatch.setattr(made.introspector._server, "judge", _fail)
    assert made.ask("three") is Refusal.UNAVAILABLE
    assert made.metric("introspection_failures_total", kind="reply") == 1


def _fail(*_: object) -> Any:
    raise KeyError("a fault of our own")
