"""Reading keys ahead: rotation, outages, unknown keys, files that change."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.bearer.claims import Claims, Refusal
from extauth.bearer.jwks import KeyRing
from extauth.bearer.key_set import KeySet
from extauth.settings.values import SecretError
from extauth.telemetry.bearer_metrics import BearerMetrics
from tests.bearer.conftest import MakeRoom, Room, issuer
from tests.bearer.http_server import HttpServer, Reply
from tests.bearer.tokens import NOW, claims, jwks, key_for, sign
from tests.support.wait import wait_until

OLD, NEW = key_for("ES256", "old"), key_for("ES256", "new")


def room_with(server: HttpServer, **fields: str) -> Room:
    return Room(issuer(jwks={"url": server.url("/keys"), "timeout": "500ms", **fields}))


def test_before_the_first_keys_it_is_our_fault(server: HttpServer) -> None:
    room = room_with(server)
    assert room.verify(sign(), NOW) is Refusal.KEYS_UNAVAILABLE
    assert room.ring.without_keys() == "no keys yet of main"
    assert room.metric("extauth_bearer_key_set_age_seconds", issuer="main") == float("inf")
    room.read()
    assert isinstance(room.verify(sign(), NOW), Claims)
    assert room.ring.without_keys() is None
    assert room.ring.fault() is None
    assert room.metric("extauth_bearer_key_set_age_seconds", issuer="main") == 0


def test_keys_over_tls(tls_server: HttpServer, certificate: Path) -> None:
    room = room_with(tls_server, ca_file=str(certificate))
    room.read()
    assert isinstance(room.verify(sign(), NOW), Claims)


def test_rotation(server: HttpServer) -> None:
    room = room_with(server)
    for published, works, fails in (
        ((OLD,), OLD, NEW),
        ((OLD, NEW), NEW, None),
        ((OLD, NEW), OLD, None),
        ((NEW,), NEW, OLD),
    ):
        server.reply = Reply(jwks(*published))
        room.read(later=300)
        assert isinstance(room.verify(sign(key=works), NOW), Claims)
        if fails:
            assert room.verify(sign(key=fails), NOW) is Refusal.UNKNOWN_KEY


def test_the_same_document_keeps_tokens_verified(server: HttpServer) -> None:
    room = room_with(server)
    room.read()
    before = room.ring.keys_of("main")
    room.read(later=300)
    assert len(server.seen) == 2
    assert room.ring.keys_of("main") is before


def test_refreshes_are_spread(server: HttpServer) -> None:
    room = room_with(server, refresh="100s")
    waits = [room.read(later=100) for _ in range(10)]
    assert all(80 <= wait <= 100 for wait in waits)
    assert len(set(waits)) == 10


def test_an_unknown_key_has_the_keys_read_again_but_not_more_often_than_every_ten_seconds(server: HttpServer) -> None:
    room = room_with(server)
    room.read()
    server.reply = Reply(jwks(OLD, NEW))
    room.clock.now += 9.9
    assert room.verify(sign(key=NEW), NOW) is Refusal.UNKNOWN_KEY
    assert room.read() > 200
    assert len(server.seen) == 1
    room.clock.now += 0.1
    for number in range(20):
        assert room.verify(sign(key=NEW, kid=f"x{number}"), NOW) is Refusal.UNKNOWN_KEY
    assert room.read() > 200
    assert len(server.seen) == 2
    assert isinstance(room.verify(sign(key=NEW), NOW), Claims)


def test_a_key_without_a_name_may_have_been_replaced(server: HttpServer) -> None:
    room = room_with(server)
    nameless = {name: value for name, value in NEW.as_dict(private=False).items() if name != "kid"}
    server.reply = Reply(jwks(type(NEW).import_key(nameless)))
    room.read()
    assert isinstance(room.verify(sign(key=NEW, kid="any"), NOW), Claims)
    room.clock.now += 10
    assert room.verify(sign(key=OLD, kid="any"), NOW) is Refusal.BAD_SIGNATURE
    room.read()
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b"<html>"), "reply"),
        (Reply(b'{"keys": []}'), "reply"),
        (Reply(b"{" + b" " * 1_100_000), "too_large"),
        (Reply(status=500), "status"),
        (Reply(status=404), "refused"),
        (Reply(status=301, headers={"Location": "/other"}), "status"),
        (Reply(jwks(NEW), status=302, headers={"Location": "https://evil.example/"}), "status"),
        (Reply(jwks(NEW), status=206), "status"),
        (Reply(raw=b"SSH-2.0-OpenSSH\r\n\r\n"), "reply"),
        (Reply(jwks(NEW)[:-5], headers={"Content-Length": "9999", "Connection": "close"}), "reply"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + jwks(NEW)[:-5]), "reply"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_never_replaces_what_is_good(server: HttpServer, reply: Reply, kind: str) -> None:
    server.reply = Reply(jwks(OLD))
    room = room_with(server)
    room.read()
    before = room.ring.keys_of("main")
    server.reply = reply
    room.read(later=300)
    assert len(server.seen) == 2, "a redirect was followed"
    assert room.ring.keys_of("main") is before
    assert isinstance(room.verify(sign(key=OLD), NOW), Claims)
    assert room.metric("extauth_bearer_key_set_failures_total", issuer="main", kind=kind) == 1
    assert room.metric("extauth_bearer_key_set_age_seconds", issuer="main") == 300
    assert str(room.ring.fault()).startswith(f"main: {kind}: ")
    assert room.ring.without_keys() is None


def test_an_outage_of_the_issuer(server: HttpServer) -> None:
    server.reply = Reply(jwks(OLD))
    room = room_with(server)
    room.read()
    server.stop()
    waits = [room.read(later=100_000) for _ in range(10)]
    assert all(0.8 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:6]))
    assert all(48 <= wait <= 60 for wait in waits[6:])
    # Days later it still verifies; a key that is not known may be a new one, and that is not the client's fault.
    assert isinstance(room.verify(sign(key=OLD), NOW), Claims)
    assert room.verify(sign(key=NEW), NOW) is Refusal.KEYS_UNAVAILABLE
    assert room.read() > 40
    room.ring._sources["main"]._origin = room.ring._sources["main"]._origin._replace(read=lambda: jwks(NEW))
    room.read(later=60)
    assert room.ring.fault() is None
    assert isinstance(room.verify(sign(key=NEW), NOW), Claims)


def test_a_fault_of_our_own_does_not_end_the_reading(server: HttpServer) -> None:
    room = room_with(server)
    source = room.ring.source_of("main")
    assert source is not None
    source._origin = source._origin._replace(parse=_fail)
    room.read()
    assert source.error == "reply: the key set cannot be understood"


def _fail(_: bytes) -> KeySet:
    raise KeyError("a fault of our own")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
def test_a_slow_server_takes_no_longer_than_the_timeout(server: HttpServer, start: bytes) -> None:
    server.reply = Reply(raw=start, drip=4)
    room = room_with(server, timeout="300ms")
    started = time.monotonic()
    room.read()
    assert time.monotonic() - started < 3
    assert room.metric("extauth_bearer_key_set_failures_total", issuer="main", kind="timeout") == 1


@pytest.mark.parametrize("trusted", [False, True])
def test_tls_is_verified(tls_server: HttpServer, certificate: Path, tmp_path: Path, trusted: bool) -> None:
    other = tmp_path / "bad.pem"
    other.write_text("not a certificate")
    room = room_with(tls_server, **({"ca_file": str(other)} if trusted else {}))
    room.read()
    assert room.verify(sign(), NOW) is Refusal.KEYS_UNAVAILABLE
    assert str(room.ring.fault()).startswith("main: tls: ")
    assert tls_server.seen == []


def test_a_host_of_another_name_is_not_trusted(tls_server: HttpServer, certificate: Path) -> None:
    url = tls_server.url().replace("127.0.0.1", "localhost")
    room = Room(issuer(jwks={"url": url, "ca_file": str(certificate)}))
    room.read()
    assert "CERTIFICATE_VERIFY_FAILED" in str(room.ring.fault())


def test_proxies_of_the_environment_are_not_used(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    room = room_with(server)
    room.read()
    assert room.ring.fault() is None
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/keys")
    assert "json" in seen.headers["accept"]


def test_a_host_that_does_not_exist() -> None:
    room = Room(issuer(jwks={"url": "https://a..b/keys"}))
    room.read()
    assert str(room.ring.fault()).startswith("main: connection: ")


def test_a_file_is_read_again_when_it_changes(room: MakeRoom, keys_file: Path) -> None:
    made = room()
    assert made.verify(sign(key=NEW), NOW) is Refusal.UNKNOWN_KEY
    keys_file.write_bytes(NEW.as_pem(private=False))
    made.read(later=10)
    assert isinstance(made.verify(sign(key=NEW), NOW), Claims)
    keys_file.write_bytes(b"half a fi")
    made.read(later=10)
    keys_file.unlink()
    made.read(later=10)
    assert made.ring.fault() == f"main: file: {keys_file}: No such file or directory"
    assert isinstance(made.verify(sign(key=NEW), NOW), Claims)


def test_a_file_that_is_too_large(room: MakeRoom, keys_file: Path) -> None:
    keys_file.write_bytes(b" " * 1_100_000)
    assert "too_large" in str(room().ring.fault())


def test_a_secret_that_is_a_public_key(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(key_for("RS256").as_pem(private=False))
    settings = issuer(secret={"file": str(path)}, algorithms=["HS256"])
    with pytest.raises(SecretError, match="the secret of issuer 'main' cannot be used"):
        KeyRing([settings], BearerMetrics(CollectorRegistry()))


def test_the_thread_reads_at_once_and_again_when_a_key_is_missing(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extauth.bearer.key_source._BETWEEN_MISSES", 0)
    room = Room(issuer(jwks={"url": server.url()}))
    room.ring = room.verifier._ring = KeyRing([issuer(jwks={"url": server.url()})], BearerMetrics(CollectorRegistry()))
    room.ring.start()
    try:
        wait_until(lambda: isinstance(room.verify(sign(), NOW), Claims))
        server.reply = Reply(jwks(NEW))
        wait_until(lambda: isinstance(room.verify(sign(claims(jti="2"), key=NEW), NOW), Claims))
    finally:
        room.ring.stop(timeout=5)
    assert not room.ring._thread.is_alive()


def test_without_issuers_no_library_for_tokens_is_imported() -> None:
    program = (
        "import sys\n"
        "from prometheus_client import CollectorRegistry\n"
        "from extauth.bearer import introspection, jwks, settings, verify\n"
        "from extauth.telemetry.bearer_metrics import BearerMetrics\n"
        "jwks.KeyRing([], BearerMetrics(CollectorRegistry()))\n"
        "sys.exit(bool({'joserfc', 'cryptography'} & set(sys.modules)))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_without_issuers_there_is_nothing_to_read() -> None:
    ring = KeyRing([], BearerMetrics(CollectorRegistry()))
    ring.start()
    ring.stop(timeout=1)
    assert ring.fault() is None
