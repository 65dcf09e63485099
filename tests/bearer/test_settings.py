"""Settings of issuers: every problem at once, each with its field and remedy."""

from pathlib import Path

import pytest

from extauth.bearer.settings import BearerSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source
from extauth.settings.values import SecretError
from tests.bearer.conftest import issuer

GOOD = """\
issuers:
  - name: main
    issuer: https://issuer.example
    audiences: [api]
    jwks: {url: https://issuer.example/keys}
introspection:
  - name: opaque
    url: https://issuer.example/introspect
    client_id: me
    client_secret: {env: SECRET}
"""
JWKS = "jwks: {url: https://issuer.example/keys}"


def problems_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        validate(BearerSettings, Source(text, "x.yaml"))
    return [str(problem) for problem in caught.value.problems]


def test_defaults() -> None:
    settings = validate(BearerSettings, Source(GOOD, "x.yaml"))
    (main,), (opaque,) = settings.issuers, settings.introspection
    assert main.algorithms == ("RS256", "ES256")
    assert main.leeway == 30
    assert main.jwks is not None
    assert (main.jwks.refresh, main.jwks.timeout) == (300, 2)
    assert (main.claims.subject, main.claims.scopes, main.claims.tenant) == ("sub", "scope", None)
    assert (opaque.timeout, opaque.cache, opaque.negative_cache) == (1, 30, 5)


def test_all_problems_are_told_at_once() -> None:
    text = """\
issuers:
  - name: Main
    issuer: ''
    audiences: []
    jwks: {url: http://issuer.example/keys, refresh: 1s}
    keys_file: keys.json
    algorithms: [none]
    leeway: 6m
introspection:
  - {name: opaque, url: 'https://u:p@h/', client_id: me, client_secret: {}, timeout: 1}
"""
    found = "\n".join(problems_of(text))
    for field in (
        "issuers[0].name",
        "issuers[0].issuer",
        "issuers[0].audiences",
        "issuers[0].jwks.url: 'http://issuer.example/keys' is not protected by TLS (use https://",
        "issuers[0].jwks.refresh",
        "issuers[0]: an issuer's keys come from one place (use either jwks, keys_file or secret)",
        "issuers[0].algorithms[0]",
        "issuers[0].leeway",
        "introspection[0].url: is not a URL that can be asked (use https://host/path",
        "introspection[0].client_secret: a secret is kept in one place",
        "introspection[0].timeout: 1 is not a duration",
    ):
        assert field in found


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((JWKS, ""), "an issuer's keys come from one place (use either jwks, keys_file or secret)"),
        ((JWKS, f"{JWKS}\n    secret: {{env: S}}\n    algorithms: [HS256]"), "an issuer's keys come from one place"),
        ((JWKS, "secret: {env: S}"), "RS256, ES256 cannot go with a shared secret (use HS256, HS384 or HS512)"),
        ((JWKS, f"{JWKS}\n    algorithms: [RS256, HS256]"), "HS256 must go with a shared secret (use RS256"),
        ((JWKS, f"{JWKS}\n    algorithms: []"), "issuers[0].algorithms"),
        (("name: opaque", "name: main"), "introspection: two issuers are named 'main' (use one for each)"),
        (("/keys}", "/keys#a}"), "is not a URL that can be asked"),
        (("https://issuer.example/keys", "ftp://issuer.example/"), "is not protected by TLS"),
        (("https://issuer.example/keys", "http://127.0.0.1.example/"), "is not protected by TLS"),
        (("https://issuer.example/keys", "https://h:99999/"), "is not a URL that can be asked"),
    ],
)
def test_each_mistake_is_named(change: tuple[str, str], problem: str) -> None:
    assert change[0] in GOOD
    (found,) = problems_of(GOOD.replace(*change))
    assert problem in found


def test_an_issuer_is_named_once_and_its_iss_stands_once() -> None:
    entry = GOOD[GOOD.index("  - name: main") : GOOD.index("introspection")]
    assert "two issuers have the `iss`" in problems_of(GOOD.replace(entry, entry * 2))[0]
    other = entry.replace("issuer: https://issuer.example", "issuer: other")
    assert "two issuers are named 'main'" in problems_of(GOOD.replace(entry, entry + other))[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_loopback_needs_no_tls(host: str) -> None:
    assert issuer(jwks={"url": f"http://{host}:8080/keys"}).jwks is not None


def test_a_secret_must_be_as_long_as_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x" * 47)
    assert issuer(secret={"env": "SECRET"}, algorithms=["HS256"]).read_secret() == b"x" * 47
    with pytest.raises(SecretError, match="'main' has 47 bytes; HS256, HS384 needs at least 48"):
        issuer(secret={"env": "SECRET"}, algorithms=["HS256", "HS384"]).read_secret()
    with pytest.raises(SecretError, match="cannot be read"):
        issuer(secret={"file": str(tmp_path / "none")}, algorithms=["HS256"]).read_secret()
