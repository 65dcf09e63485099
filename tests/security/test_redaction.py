"""A full life of keys and tokens through real processes; then every output is searched for every secret there was.

Outputs: the log of each process, the pages of metrics and of readiness, every answer of the registry but the one that
shows a new secret, every answer of Envoy and its dump of its configuration, all that is in Redis, all spans, a dump of
the registry's database in PostgreSQL, its write-ahead log and its log, a backup, and a file of SQLite that was made of
it.
"""

import base64
import gzip
import hashlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis
import yaml

from extauth.demo import binaries
from extauth.envoy.parameters import ENVOY_VARIABLE
from tests.e2e import http1
from tests.e2e.eventually import eventually
from tests.e2e.running import Running, running_stack
from tests.e2e.scenario import PLAIN
from tests.observability.collector import Collector, collecting
from tests.support.postgresql_server import SETTINGS, PostgresqlServer

pytestmark = pytest.mark.slow  # half a minute of several processes

SECRETS_SHOWN = "secret"
REUSED = "of one request that is sent twice"
ENVOYS = "by-which-the-sidecar-knows-its-Envoy-4711"
COLLECTORS = "Bearer by-which-the-collector-knows-the-sidecar"
PATIENCE = 60
_CORE = 24  # characters, of which two thirds are nowhere by chance
"""Seconds."""


class Life:
    """What was done, which secrets there were, and what was answered besides."""

    def __init__(self, stack: Running, postgresql: PostgresqlServer, collector: Collector) -> None:
        self.stack = stack
        self.postgresql = postgresql
        self.collector = collector
        self.secrets: dict[str, str] = {
            "the admin token": stack.layout.admin_token.read_text().strip(),
            "the pepper": stack.layout.pepper.read_text().strip(),
            "Envoy's secret": ENVOYS,
            "the collector's": COLLECTORS,
        }
        self.outputs: dict[str, bytes] = {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Of the registry; a secret that it shows is taken out of what it answered."""
        connection = http.client.HTTPConnection(urlsplit(self.stack.layout.registry_url).netloc, timeout=10)
        sent = {"authorization": f"Bearer {self.secrets['the admin token']}", "content-type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, {**sent, **headers})
        response = connection.getresponse()
        text = response.read().decode()
        told = "".join(f"{name}: {value}\n" for name, value in response.getheaders())
        connection.close()
        answer: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
        if answer.get(SECRETS_SHOWN):
            self.secrets[f"{len(self.secrets)}: shown by {method} {path}"] = answer[SECRETS_SHOWN]
            text = json.dumps({name: value for name, value in answer.items() if name != SECRETS_SHOWN})
        self.outputs[f"{len(self.outputs)}: {method} {path[:40]} at the registry"] = (told + text).encode()
        return answer

    def check(self, *headers: tuple[str, str], path: str = PLAIN) -> int:
        answer = http1.send(self.stack.url, path, headers)
        # The demo's upstream echoes what it was sent: the credential must not have reached it either.
        told = repr(answer.headers).encode() + answer.body
        self.outputs[f"{len(self.outputs)}: GET {path[:40]} at Envoy"] = told
        return answer.status

    def page(self, url: str) -> None:
        answer = http1.send(url, urlsplit(url).path)
        self.outputs[f"{url} ({answer.status})"] = answer.body


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    """One that writes every statement into its log, with its parameters."""
    server = PostgresqlServer({**SETTINGS, "log_statement": "all", "log_parameter_max_length": "-1"})
    server.start()
    server.execute("CREATE DATABASE registry")
    yield server
    server.remove()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgresqlServer) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("life")
    (folder / "envoy-secret").write_text(ENVOYS)
    (folder / "authorization").write_text(COLLECTORS)
    listen = {"envoy_secret": {"accepted": [{"file": str(folder / "envoy-secret")}]}}
    with pytest.MonkeyPatch.context() as environment, collecting() as collector:
        environment.setenv(ENVOY_VARIABLE, ENVOYS)
        tracing = {"endpoint": collector.url, "sample": 1.0, "authorization": {"file": str(folder / "authorization")}}
        sidecar = {"log": {"level": "debug"}, "tracing": tracing}
        registry = {"database": postgresql.url("registry"), "log": {"level": "debug"}}
        secret = {"secret_header": "x-extauth-secret"}
        with running_stack(folder, sidecar, listen, registry=registry, envoy=secret) as stack:
            life = Life(stack, postgresql, collector)
            _live(life)
            _look_around(life)
            yield life


def _live(life: Life) -> None:
    first = life.call("POST", "/v1/keys", {"name": "first", "tenant": "acme"}, **{"idempotency-key": REUSED})
    life.call("POST", "/v1/keys", {"name": "first", "tenant": "acme"}, **{"idempotency-key": REUSED})
    life.stack.wait_until_published()
    eventually(lambda: life.check(("x-api-key", first["secret"])) == 200, 10)
    rotated = life.call("POST", f"/v1/keys/{first['id']}/rotate", {"grace": "1h"})
    eventually(lambda: life.check(("x-api-key", rotated["secret"])) == 200, 10)
    revoked = life.call("POST", f"/v1/keys/{first['id']}/revoke", {"reason": "leaked"})
    assert revoked["status"] == "revoked"
    eventually(lambda: life.check(("x-api-key", first["secret"])) == 401, 10)
    _misuse(life, rotated["secret"])
    admin = life.call("POST", "/v1/admin-tokens", {"name": "ci", "role": "owner"})["secret"]
    for spoilt in (admin, admin[:-1], f"{admin}x"):
        life.call("GET", "/v1/keys", authorization=f"Bearer {spoilt}")
        life.call("GET", f"/v1/admin-tokens/{quote(spoilt)}")


def _misuse(life: Life, key: str) -> None:
    """Keys where none belong, which a program might tell of as it complains."""
    life.secrets["a key that nobody has"] = unknown = key[:-30] + key[-30:][::-1]
    for text in (key, key[:-1], unknown):
        life.check(("x-api-key", text), ("x-api-key", text))
        life.check(("x-api-key", f"{text},{text}"))
        life.check(("authorization", f"Bearer {text}"), path="/bearer")
        life.check(("authorization", f"Basic {text}"), path="/bearer")
        life.check(("x-api-key", text), path="/no//path/of/ours")
        life.call("GET", f"/v1/keys/{quote(text)}")
        life.call("GET", f"/v1/keys?text={quote(text)}&cursor={quote(text)}")
        life.call("GET", "/v1/keys", authorization=f"Bearer {text}")
        life.call("POST", "/v1/keys", {"name": "x", "tenant": "acme", "scopes": [text], "expires_at": text})
        life.call("POST", "/v1/keys", {"name": "x", "tenant": "acme", text: 1})


def _look_around(life: Life) -> None:
    layout = life.stack.layout
    for address in (f"{layout.sidecar_admin_url}/metrics", f"{layout.sidecar_admin_url}/readyz"):
        life.page(address)
    for path in ("/metrics", "/readyz", "/v1/audit", "/v1/keys"):
        life.call("GET", path)
    for log in sorted((layout.directory / "logs").iterdir()):
        life.outputs[log.name] = log.read_bytes()
    life.page(f"{layout.envoy_admin_url}/config_dump")
    life.outputs["Redis"] = _all_of_redis(layout.redis_socket)
    eventually(lambda: b"revoked_key" in b"".join(life.collector.bodies), PATIENCE)
    life.outputs["spans"] = b"\n".join(life.collector.bodies)
    _look_into_databases(life)
    for file in (layout.sidecar_settings, layout.registry_settings, layout.envoy_settings):
        life.outputs[file.name] = file.read_bytes()


def _look_into_databases(life: Life) -> None:
    layout, server = life.stack.layout, life.postgresql
    life.outputs["PostgreSQL's dump"] = _run(server.programs / "pg_dump", server.url("registry"))
    for file in (server.log, *server.write_ahead_log()):
        life.outputs[f"PostgreSQL's {file.name}"] = file.read_bytes()
    backup, settings = layout.directory / "backup", layout.directory / "on-sqlite.yaml"
    settings.write_text(
        yaml.safe_dump(
            {**yaml.safe_load(layout.registry_settings.read_text()), "database": f"sqlite:///{layout.database}"}
        )
    )
    life.outputs["what backup says"] = _run(
        binaries.extauth(), "registry", "backup", "-c", layout.registry_settings, backup
    )
    life.outputs["what restore says"] = _run(binaries.extauth(), "registry", "restore", "-c", settings, backup)
    life.outputs["backup"] = gzip.decompress(backup.read_bytes())
    for file in sorted(layout.directory.glob(f"{layout.database.name}*")):
        life.outputs[file.name] = file.read_bytes()


def _run(*command: object) -> bytes:
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


_READ = {
    "string": lambda client, key: client.get(key),
    "hash": lambda client, key: client.hgetall(key),
    "stream": lambda client, key: client.xrange(key),
    "list": lambda client, key: client.lrange(key, 0, -1),
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
}


def _all_of_redis(socket: Path) -> bytes:
    """Names and values; bytes that are no text are escaped, as those of a secret would not be."""
    with redis.Redis(unix_socket_path=str(socket)) as client:
        keys = list(client.scan_iter())
        return b"\n".join(repr((key, _READ[client.type(key).decode()](client, key))).encode() for key in keys)


def _forms(secret: str) -> dict[str, bytes]:
    """What would be as good as the secret, or nearly: also a digest without a pepper, which could be tried offline."""
    last = secret.rpartition("_")[2]  # of a key: all that is secret of it
    core = last if len(last) >= _CORE else secret  # a pepper may have that character anywhere
    return {
        "as it is": secret.encode(),
        "its secret part": core.encode(),
        "most of it": core[: len(core) * 2 // 3].encode(),
        "in base64": base64.b64encode(secret.encode())[:-4],
        "in hexadecimal": secret.encode().hex().encode(),
        "its SHA-256": hashlib.sha256(secret.encode()).digest(),
        "its SHA-256 in hexadecimal": hashlib.sha256(secret.encode()).hexdigest().encode(),
        "its SHA-256 in base64": base64.b64encode(hashlib.sha256(secret.encode()).digest())[:-1],
    }


def test_no_secret_is_in_any_output(life: Life) -> None:
    found = [
        f"{name} {form}, in {place}: ...{text[max(text.find(bytes_) - 60, 0) : text.find(bytes_)]!r}"
        for name, secret in life.secrets.items()
        for form, bytes_ in _forms(secret).items()
        for place, text in life.outputs.items()
        if bytes_ in text
    ]
    assert not found, "\n".join(found[:20])


def test_the_search_would_find_one(life: Life) -> None:
    """What is public is found everywhere that a secret is looked for, so these are the right places."""
    assert len(life.secrets) >= 6
    assert len(set(life.secrets.values())) >= 5
    keys = [secret for secret in life.secrets.values() if secret.startswith("e2e_")]
    ids = {key.split("_")[1] for key in keys}
    assert "registry.log" in life.outputs, sorted(life.outputs)
    everywhere = {place: text for place, text in life.outputs.items() if any(one.encode() in text for one in ids)}
    for place in ("Redis", "PostgreSQL's dump", "PostgreSQL's log", "backup", "registry.db"):
        assert place in everywhere, sorted(everywhere)
    assert any(len(place.removeprefix("PostgreSQL's ")) == 24 for place in everywhere), "a segment of its WAL"
    assert ENVOY_VARIABLE.encode() in b"".join(text for place, text in life.outputs.items() if "config_dump" in place)
    assert b"revoked_key" in life.outputs["spans"]
    assert life.collector.authorizations == {COLLECTORS}
    assert any("at the registry" in place for place in everywhere)
    assert any("at Envoy" in place for place in everywhere)
    assert b"extauth_checks_total" in b"".join(life.outputs.values())
    with_body = [text for place, text in life.outputs.items() if "at Envoy" in place and b"malformed_key" in text]
    assert with_body


def test_no_file_of_a_secret_can_be_read_by_others(life: Life) -> None:
    layout = life.stack.layout
    for path in (layout.pepper, layout.admin_token, layout.database):
        assert path.stat().st_mode & 0o077 == 0, path
    assert layout.redis_socket.stat().st_mode & 0o007 == 0
