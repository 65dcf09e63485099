"""The public keys that GitHub signs its reports with: read when needed, kept through outages."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from extauth.bearer.http_client import HttpClient
from extauth.registry.errors import UnavailableError
from extauth.registry.leak_signatures import PublishedKeys, is_signed
from extauth.registry.settings import RegistrySettings
from extauth.settings.model import load
from extauth.settings.problems import SettingsError
from tests.bearer.http_server import HttpServer, Reply
from tests.registry.leak_messages import KEY_ID, PAIR, pem, signed


@pytest.fixture
def github() -> Iterator[HttpServer]:
    server = HttpServer()
    yield server
    server.stop()


def publish(github: HttpServer, **keys: str) -> None:
    listed = [{"key_identifier": key_id, "key": key, "is_current": True} for key_id, key in keys.items()]
    github.reply = Reply(json.dumps({"public_keys": listed}).encode())


class Seconds:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def published(github: HttpServer, seconds: Seconds) -> PublishedKeys:
    return PublishedKeys(HttpClient(github.url("/meta"), 2, None), 2, seconds)


def is_good(keys: PublishedKeys, key_id: str, pair: ec.EllipticCurvePrivateKey = PAIR) -> bool:
    headers = signed(b"[]", pair)
    return is_signed(b"[]", key_id, headers["github-public-key-signature"], keys)


def test_published_keys_are_read_when_they_are_needed(
    published: PublishedKeys, github: HttpServer, seconds: Seconds
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    publish(github, a=pem())
    assert is_good(published, "a")
    assert not is_good(published, "a", other)
    assert github.seen[0].headers["user-agent"] == "extauth"
    assert len(github.seen) == 1
    publish(github, b=pem(other))
    with pytest.raises(UnavailableError):  # may be new, and it is too early to look again
        is_good(published, "b", other)
    assert is_good(published, "a")
    seconds.now += 300
    assert is_good(published, "b", other)
    assert len(github.seen) == 2
    seconds.now += 300
    assert not is_good(published, "a")  # withdrawn
    assert len(github.seen) == 3


def test_strangers_cannot_make_us_ask_again_and_again(
    published: PublishedKeys, github: HttpServer, seconds: Seconds
) -> None:
    publish(github, a=pem())
    for number in range(50):
        with_unknown = f"unknown {number}"
        with contextlib.suppress(UnavailableError):
            assert not is_good(published, with_unknown)
        assert number == 0 or is_good(published, "a")
        seconds.now += 60
    assert len(github.seen) <= 11


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=403),
        Reply(b"{"),
        Reply(b"[]"),
        Reply(b'{"public_keys": 1}'),
        Reply(b'{"public_keys": [{"key_identifier": "a", "key": "no PEM"}]}'),
        Reply(json.dumps({"public_keys": [{"key_identifier": "a", "key": 5}]}).encode()),
        Reply(b" " * (1024 * 1024 + 1)),
    ],
)
def test_keys_from_before_serve_while_none_can_be_read(
    published: PublishedKeys, github: HttpServer, seconds: Seconds, reply: Reply
) -> None:
    good = github.reply
    github.reply = reply
    with pytest.raises(UnavailableError):
        is_good(published, "a")
    publish(github, a=pem())
    good = github.reply
    seconds.now += 300
    assert is_good(published, "a")
    github.reply = reply
    seconds.now += 3600
    assert is_good(published, "a")
    seconds.now += 86400
    with pytest.raises(UnavailableError):
        is_good(published, "a")
    github.reply = good
    seconds.now += 300
    assert is_good(published, "a")


@pytest.mark.parametrize("pair", [ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256K1())])
def test_keys_of_other_curves_are_left_out(
    published: PublishedKeys, github: HttpServer, pair: ec.EllipticCurvePrivateKey
) -> None:
    publish(github, a=pem(pair), b=pem())
    assert is_good(published, "b")
    with pytest.raises(UnavailableError):
        is_good(published, "a", pair)


def test_settings_of_reports(tmp_path: Path) -> None:
    smallest = "admin_token: {env: A}\nkeys: {peppers: [{id: a, env: B}]}\nleak_reports: {github: "

    def read(github: dict[str, Any]) -> RegistrySettings:
        path = tmp_path / "registry.yaml"
        path.write_text(f"{smallest}{json.dumps(github)}}}\n")
        return load(RegistrySettings, path)

    url = "https://api.github.com/meta/public_keys/secret_scanning"
    read({"public_keys_url": url})
    read({"public_keys": [{"id": KEY_ID, "pem": pem()}]})
    other_curve = pem(ec.generate_private_key(ec.SECP384R1()))
    for wrong, named in (
        ({}, "leak_reports.github"),
        ({"public_keys_url": url, "public_keys": [{"id": "a", "pem": pem()}]}, "leak_reports.github"),
        ({"public_keys_url": "http://api.github.com/keys"}, "public_keys_url"),
        ({"public_keys_url": "https://user:pass@host/"}, "public_keys_url"),
        ({"public_keys": [{"id": "a", "pem": other_curve}]}, "pem"),
        ({"public_keys": [{"id": "a", "pem": "no PEM"}]}, "pem"),
    ):
        with pytest.raises(SettingsError, match=named):
            read(wrong)
