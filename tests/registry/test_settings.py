"""registry.yaml: defaults, and every problem at once."""

from pathlib import Path

import pytest

from extauth.registry.settings import RegistrySettings
from extauth.settings.model import load
from extauth.settings.problems import SettingsError

SMALLEST = """
keys: {peppers: [{id: first, env: PEPPER}]}
"""


def read(tmp_path: Path, text: str) -> RegistrySettings:
    path = tmp_path / "registry.yaml"
    path.write_text(text)
    return load(RegistrySettings, path)


def test_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, SMALLEST)
    assert settings.database == "sqlite:///extauth-registry.db"
    assert (settings.listen.http, settings.listen.grpc) == ("127.0.0.1:9903", "127.0.0.1:9904")
    assert settings.keys.prefix == "ea"
    assert (settings.publish.poll_interval, settings.publish.reconcile_interval) == (0.1, 60.0)
    assert settings.log.format == "json"


def test_everything_can_be_set(tmp_path: Path) -> None:
    text = """
database: postgresql://extauth@db.example/extauth
database_password: {file: /run/secrets/db}
listen: {http: "unix:/run/http.sock", grpc: null}
admin_token: {file: /run/secrets/token}
trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
keys: {prefix: acme_live, peppers: [{id: b, env: B}, {id: a, env: A}]}
redis: {url: "redis://cache:6379/1"}
publish: {poll_interval: 50ms, reconcile_interval: 5m}
log: {level: debug, format: console}
"""
    settings = read(tmp_path, text)
    assert settings.listen.grpc is None
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "2001:db8::/32"]
    assert [pepper.id for pepper in settings.keys.peppers] == ["b", "a"]
    assert settings.publish.reconcile_interval == 300


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = """
database: mysql://host/db
listen: {http: nowhere}
admin_token: {}
trusted_proxies: [10.0.0.1/8]
keys: {prefix: Not-Good, peppers: []}
publish: {poll_interval: 0s}
tokens: x
"""
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    assert {problem.field for problem in refused.value.problems} == {
        "database",
        "listen.http",
        "admin_token",
        "trusted_proxies[0]",
        "keys.prefix",
        "keys.peppers",
        "publish.poll_interval",
        "tokens",
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@host/db",
        "postgresql://host/db?password=hunter2",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "not a url hunter2",
        "mysql://host/db",
    ],
)
def test_a_database_url_without_secrets_on_disk(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, f"database: {url!r}{SMALLEST}")
    assert "hunter2" not in str(refused.value)
    assert refused.value.problems[0].remedy


def test_usage_is_kept_longer_the_coarser_it_is(tmp_path: Path) -> None:
    retention = read(
        tmp_path, f"{SMALLEST}usage: {{retention: {{minutes: 2h, hours: 2d, days: 400d}}}}"
    ).usage.retention
    assert (retention.minutes, retention.hours, retention.days) == (7200, 2 * 86400, 400 * 86400)
    for given in ("minutes: 91d", "days: 89d", "minutes: 1m", "hours: 23h"):
        with pytest.raises(SettingsError, match=r"usage\.retention"):
            read(tmp_path, f"{SMALLEST}usage: {{retention: {{{given}}}}}")
