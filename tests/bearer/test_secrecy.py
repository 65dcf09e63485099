"""No token, and no secret, in what is logged, raised, shown or counted."""

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from extauth.bearer.introspection import Introspector
from extauth.bearer.jws import parse
from extauth.bearer.settings import IntrospectionSettings
from extauth.bearer.token_cache import TokenCache, digest_of
from extauth.telemetry.bearer_metrics import BearerMetrics
from tests.bearer.conftest import MakeRoom
from tests.bearer.http_server import HttpServer, Reply
from tests.bearer.tokens import NOW, claims, key_for, sign
from tests.support.wait import wait_until

SECRET = "the-secret-of-the-client"
TOKEN = "the-opaque-token"


def test_signed_tokens(room: MakeRoom, keys_file: Path) -> None:
    with capture_logs() as logs:
        made = room()
        good, bad = sign(), sign(claims(sub="someone"), key=key_for("ES256", "k9"))
        shown = [made.verify(good, NOW), made.verify(bad, NOW), parse(good), made.verifier, made.verifier._cache]
        keys_file.write_bytes(b"junk")
        made.read(later=60)
    text = repr(shown) + repr(logs) + generate_latest(made.registry).decode()
    for token in (good, bad):
        for part in token.split("."):
            assert part not in text
    assert "keys_not_read" in text


@pytest.mark.parametrize(
    "reply", [Reply(status=500, body=TOKEN.encode()), Reply(TOKEN.encode()), Reply(raw=TOKEN.encode())]
)
def test_opaque_tokens(server: HttpServer, monkeypatch: pytest.MonkeyPatch, reply: Reply) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    server.reply = reply
    settings = IntrospectionSettings(
        name="opaque",
        url=server.url(),
        client_id="me",
        client_secret={"env": "SECRET"},
    )
    registry = CollectorRegistry()
    introspector = Introspector(settings, BearerMetrics(registry))
    said: list[object] = []
    with capture_logs() as logs:
        introspector.start()
        introspector.ask(TOKEN, time.monotonic() + 5, said.append)
        wait_until(lambda: said)
        introspector.stop(timeout=5)
    text = repr([said, logs, settings, introspector, introspector.error]) + generate_latest(registry).decode()
    assert TOKEN not in text
    assert SECRET not in text


def test_the_cache_keeps_digests_within_its_bound() -> None:
    cache: TokenCache[str] = TokenCache(100)
    digests = [digest for number in range(1000) if (digest := digest_of(f"token{number}"))]
    for digest in digests:
        cache.put(digest, "x")
        assert cache.get(digests[0]) == "x"  # what is in use stays
    assert len(cache) <= 100
    assert cache.get(digests[-1]) == "x"
    assert cache.get(digests[1]) is None
    assert all(len(digest) == 32 for digest in cache._young)
