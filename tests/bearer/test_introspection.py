"""Opaque tokens: asking, judging, remembering, sharing questions."""

import base64
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from extauth.bearer.claims import Claims, Refusal
from extauth.settings.values import SecretError
from tests.bearer.asker import Asker, Judgement, MakeAsker, answer
from tests.bearer.http_server import HttpServer, Reply, Seen
from tests.support.wait import wait_until


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


def test_a_missing_secret_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET", raising=False)
    with pytest.raises(SecretError, match="environment variable SECRET"):
        Asker("http://127.0.0.1:1/")
