"""A secret is in the one answer that shows it and in no other place."""

import io
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import structlog

from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

ONCE = {"Idempotency-Key": "of the client alone"}
CLIENT_LOGGERS = ("httpx2", "httpcore2")


@pytest.fixture
def logs() -> Iterator[Callable[[], str]]:
    """Everything that the registry logs, from the lowest level on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.root.addHandler(handler)
    levels = {name: logging.getLogger(name).level for name in ("", *CLIENT_LOGGERS)}
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL if name else logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        yield lambda: stream.getvalue() + repr(events)
    logging.root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_no_secret_is_in_the_database_or_in_a_log(
    logs: Callable[[], str], server: RegistryServer, http: httpx2.Client, settings: RegistrySettings, token: str
) -> None:
    first = http.post("/v1/keys", json={"name": "a", "tenant": "acme", "scopes": ["a"]}).json()
    second = http.post(f"/v1/keys/{first['id']}/rotate", json={"grace": "0s"}).json()
    secrets = [first["secret"], second["secret"]]
    for secret in secrets:
        http.get(f"/v1/keys/{secret}")
        http.get("/v1/keys", params={"text": secret})
        http.post("/v1/keys", json={"name": secret * 3, "tenant": secret})
    http.get("/v1/keys", headers={"authorization": f"Bearer {secrets[0]}"})
    path = Path(settings.database.removeprefix("sqlite:///"))
    admin = http.post("/v1/admin-tokens", json={"name": "a", "role": "owner"}, headers=ONCE).json()["secret"]
    for spoilt in (admin, admin[:-1], f"{admin}0"):
        http.get(f"/v1/admin-tokens/{spoilt}", headers={"authorization": f"Bearer {spoilt}"})
        http.get("/v1/audit", params={"target": spoilt, "cursor": spoilt})
    while_open = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE changes")
    connection.close()
    assert http.post("/v1/keys", json={"name": "a", "tenant": "acme"}).status_code == 503
    server.stop()
    stored = while_open + path.read_bytes()
    assert first["id"].encode() in stored  # the search would find it
    logged = logs()
    assert "the database failed" in logged
    random_parts = [secret.split("_")[-1] for secret in [*secrets, admin]]
    for secret in [*random_parts, token, ONCE["Idempotency-Key"], settings.keys.peppers[0].read()]:
        assert secret.encode() not in stored
        assert secret not in logged
