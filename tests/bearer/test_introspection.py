"""Opaque tokens: asking, remembering, sharing questions, and outages of the authorization server."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from prometheus_client import CollectorRegistry

from extauth.bearer.claims import Claims, Refusal
from extauth.bearer.introspection import CONNECTIONS, Introspector
from extauth.bearer.settings import IntrospectionSettings
from extauth.settings.values import SecretError
from extauth.telemetry.bearer_metrics import BearerMetrics
from tests.bearer.http_server import HttpServer, Reply, Seen
from tests.support.wait import wait_until

Judgement = Claims | Refusal
ACTIVE = {"active": True, "sub": "user-1", "scope": "a b", "jti": "t1"}


def answer(**members: Any) -> Reply:
    return Reply(json.dumps({**ACTIVE, **members}).encode())


class Asker:
    """An introspector, and what it said."""

    def __init__(self, url: str, **fields: Any) -> None:
        usual = {"name": "opaque", "client_id": "me", "client_secret": {"env": "SECRET"}, "timeout": "5s"}
        settings = {**usual, "url": url, **fields}
        self.registry = CollectorRegistry()
        self.introspector = Introspector(IntrospectionSettings.model_validate(settings), BearerMetrics(self.registry))
        self.said: list[Judgement] = []
        self.lookup = self.introspector.lookup

    def ask_only(self, token: str, seconds: float = 5) -> None:
        self.introspector.ask(token, time.monotonic() + seconds, self.said.append)

    def ask(self, token: str = "opaque") -> Judgement:
        before = len(self.said)
        self.ask_only(token)
        wait_until(lambda: len(self.said) > before)
        return self.said[-1]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"extauth_bearer_{name}", {"issuer": "opaque", **labels})


MakeAsker = Callable[..., Asker]


@pytest.fixture
def asker(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeAsker]:
    monkeypatch.setenv("SECRET", "s3cret+/: ü")
    server.reply = answer()
    made: list[Asker] = []

    def make(**fields: Any) -> Asker:
        one = Asker(fields.pop("url", server.url("/introspect")), **fields)
        one.introspector.start()
        made.append(one)
        return one

    yield make
    for one in made:
        one.introspector.stop(timeout=5)
        assert not any(thread.is_alive() for thread in one.introspector._threads)


def test_a_question(asker: MakeAsker, server: HttpServer) -> None:
    assert asker().ask("a.b-c_~+/==") == Claims("opaque", "user-1", "t1", scopes=("a", "b"))
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/introspect")
    assert parse_qs(seen.body.decode()) == {"token": ["a.b-c_~+/=="], "token_type_hint": ["access_token"]}
    kind, _, credentials = seen.headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(credentials)) == ("Basic", b"me:s3cret%2B%2F%3A+%C3%BC")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_question_over_tls(asker: MakeAsker, tls_server: HttpServer, certificate: Path) -> None:
    tls_server.reply = answer()
    made = asker(url=tls_server.url(), ca_file=str(certificate))
    assert isinstance(made.ask("one"), Claims)
    assert isinstance(made.ask("two"), Claims)
    untrusting = asker(url=tls_server.url())
    assert untrusting.ask() is Refusal.UNAVAILABLE
    assert str(untrusting.introspector.error).startswith("tls: ")
    assert len(tls_server.seen) == 2


def test_connections_stay_open_and_are_made_again_when_the_server_closed_them(
    asker: MakeAsker, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extauth.bearer.introspection.CONNECTIONS", 1)
    made = asker()
    for number in range(3):
        made.ask(f"t{number}")
    assert len({seen.connection for seen in server.seen}) == 1

    def answer_and_hang_up(_: Seen) -> Reply:
        body = answer().body
        return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server.reply = answer_and_hang_up  # without saying so ahead
    for number in range(3, 6):
        assert isinstance(made.ask(f"t{number}"), Claims)
        time.sleep(0.05)
    assert made.introspector.error is None


@pytest.mark.parametrize(
    ("members", "fields", "expected"),
    [
        ({"active": False}, {}, Refusal.INACTIVE),
        ({"exp": 1}, {}, Refusal.EXPIRED),
        ({"nbf": 2**37}, {}, Refusal.NOT_YET_VALID),
        ({"exp": "soon"}, {}, Refusal.MISSING_CLAIM),
        ({"sub": None}, {}, Refusal.MISSING_CLAIM),
        ({"iss": "other"}, {"issuer": "mine"}, Refusal.UNKNOWN_ISSUER),
        ({}, {"issuer": "mine"}, Refusal.UNKNOWN_ISSUER),
        ({"aud": "other"}, {"audiences": ["mine"]}, Refusal.WRONG_AUDIENCE),
        ({"iss": "mine", "aud": ["a", "mine"]}, {"issuer": "mine", "audiences": ["mine"]}, None),
        ({"exp": 2**37, "nbf": 1}, {}, None),
    ],
)
def test_what_the_server_says_is_judged(
    asker: MakeAsker, server: HttpServer, members: dict[str, Any], fields: dict[str, Any], expected: Refusal | None
) -> None:
    server.reply = answer(**members)
    made = asker(**fields)
    found = made.ask()
    assert found is expected if expected else isinstance(found, Claims)
    assert made.lookup("opaque", time.time()) == found
    assert made.metric("verifications_total", outcome=str(expected or "ok")) == 2
    assert made.metric("cache_hits_total") == 1


def test_claims_may_have_other_names(asker: MakeAsker, server: HttpServer) -> None:
    server.reply = answer(client_id="c", ext={"org": "acme"}, exp=2**37, nbf=5)
    found = asker(claims={"subject": "client_id", "tenant": "ext.org"}).ask()
    assert found == Claims("opaque", "c", "t1", "acme", ("a", "b"), expires_at=2**37 * 1000, not_before=5000)


def test_how_long_an_answer_is_remembered(asker: MakeAsker, server: HttpServer) -> None:
    made = asker(cache="30s", negative_cache="5s")
    now = time.time()
    assert made.lookup("good", now) is None
    made.ask("good")
    server.reply = answer(exp=now + 10)
    made.ask("brief")
    server.reply = answer(active=False)
    made.ask("bad")
    assert isinstance(made.lookup("good", now + 29), Claims)
    assert made.lookup("good", now + 35) is None
    assert isinstance(made.lookup("brief", now + 9), Claims)
    assert made.lookup("brief", now + 10) is None
    assert made.lookup("bad", now + 4) is Refusal.INACTIVE
    assert made.lookup("bad", now + 10) is None


def test_a_token_that_was_good_and_is_revoked_is_remembered_as_such(asker: MakeAsker, server: HttpServer) -> None:
    made = asker(cache="0s")
    assert isinstance(made.ask(), Claims)
    server.reply = answer(active=False)
    assert made.lookup("opaque", time.time() + 1) is None
    assert made.ask() is Refusal.INACTIVE
    assert made.lookup("opaque", time.time()) is Refusal.INACTIVE


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ä", "\udc80", "a=b", "a,b", "x" * 20_000])
def test_what_cannot_be_a_token_is_not_asked_about(asker: MakeAsker, token: str) -> None:
    assert asker().lookup(token, time.time()) is Refusal.MALFORMED


def test_questions_about_one_token_are_shared(asker: MakeAsker, server: HttpServer) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def when_told(_: Seen) -> Reply:
        asked.set()
        go_on.wait(5)
        return answer()

    server.reply = when_told
    made = asker()
    made.ask_only("one")
    assert asked.wait(5)
    for _ in range(50):
        made.ask_only("one")
    go_on.set()
    wait_until(lambda: len(made.said) == 51)
    assert len(server.seen) == 1
    assert len(set(map(id, made.said))) == 1
    assert made.metric("verifications_total", outcome="ok") == 51


def test_done_is_called_once_for_each_who_asks_whatever_happens(asker: MakeAsker, server: HttpServer) -> None:
    replies = [answer(), answer(active=False), Reply(status=500), Reply(b"junk"), Reply(raw=b""), Reply(status=429)]
    server.reply = lambda seen: replies[len(seen.body) % len(replies)]
    made = asker()
    calls = [0] * 400

    def ask(number: int) -> None:
        def done(_: Judgement) -> None:
            calls[number] += 1

        made.introspector.ask("x" * (number % 40 + 1), time.monotonic() + 5, done)

    def ask_some(first: int) -> None:
        for number in range(first, len(calls), 8):
            ask(number)

    threads = [threading.Thread(target=ask_some, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: all(calls))
    time.sleep(0.05)
    assert set(calls) == {1}
    assert made.introspector._questions == {}


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
    time.sleep(0.3)
    assert isinstance(made.ask(), Claims)
    assert made.introspector.error is None


def test_after_a_failure_the_server_is_left_alone_for_a_moment(asker: MakeAsker, server: HttpServer) -> None:
    made = asker()
    server.reply = Reply(status=503)
    made.ask("one")
    server.reply = answer()
    assert made.ask("two") is Refusal.UNAVAILABLE
    assert made.metric("introspection_failures_total", kind="circuit") == 1
    assert len(server.seen) == 1
    time.sleep(0.3)
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


def test_a_missing_secret_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET", raising=False)
    with pytest.raises(SecretError, match="environment variable SECRET"):
        Asker("http://127.0.0.1:1/")
