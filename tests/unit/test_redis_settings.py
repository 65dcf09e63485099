"""Where Redis is: one of three ways to say it, and what a client is then made with."""

from pathlib import Path
from typing import Any

import pytest

from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.redis import RedisSettings
from extauth.settings.source import Source
from extauth.store.client import connect
from extauth.store.lazy_cluster import LazyCluster

CLUSTER = {"cluster": {"nodes": ["redis-1:6379", "redis-2:6379"]}}
SENTINEL = {"sentinel": {"service": "keys", "nodes": ["s-1:26379", "s-2:26379"]}}


def problem_of(redis: str) -> str:
    text = (
        f"keys: {{peppers: [{{id: p1, env: P}}]}}\napis: [{{name: a, credentials: [{{header: x}}]}}]\nredis: {redis}\n"
    )
    with pytest.raises(SettingsError) as caught:
        validate(SidecarSettings, Source(text, "extauth.yaml"))
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("redis", "problem"),
    [
        (
            "{url: 'redis://a:1', cluster: {nodes: ['b:2']}}",
            "redis: Redis is in one place (use only one of url, cluster)",
        ),
        (
            "{cluster: {nodes: ['b:2']}, sentinel: {service: x, nodes: ['c:3']}}",
            "redis: Redis is in one place (use only one of cluster, sentinel)",
        ),
        ("{url: 'redis+cluster://a:1,b:2'}", "for several nodes use `cluster` or `sentinel`"),
        (
            "{cluster: {nodes: ['redis://b:2']}}",
            "redis.cluster.nodes[0]: 'redis://b:2' is not an address (use host:port",
        ),
        ("{cluster: {nodes: ['unix:/x']}}", "redis.cluster.nodes[0]: 'unix:/x' is a unix socket (use host:port)"),
        ("{cluster: {nodes: []}}", "redis.cluster.nodes: List should have at least 1 item"),
        ("{cluster: {}}", "redis.cluster.nodes: is required (add it)"),
        ("{sentinel: {nodes: ['c:3']}}", "redis.sentinel.service: is required (add it)"),
        (
            "{sentinel: {master: x, nodes: ['c:3'], service: x}}",
            "redis.sentinel.master: is not a setting (known here: ",
        ),
    ],
)
def test_each_mistake_is_named(redis: str, problem: str) -> None:
    assert problem in problem_of(redis)


def test_one_place_is_enough() -> None:
    assert RedisSettings.model_validate({"url": "redis://a:1", "cluster": None}).url == "redis://a:1"
    assert RedisSettings.model_validate({**CLUSTER, "sentinel": None}).cluster is not None


@pytest.mark.parametrize("place", ["cluster", "sentinel"])
def test_a_client_asks_nobody_before_it_is_used(place: str) -> None:
    settings = RedisSettings.model_validate({"cluster": CLUSTER, "sentinel": SENTINEL}[place])
    client = connect(settings)
    assert isinstance(client, LazyCluster) == (place == "cluster")
    client.close()


def test_the_sentinels_have_a_password_of_their_own(tmp_path: Path) -> None:
    for name in ("redis", "sentinels"):
        (tmp_path / name).write_text(f"password of {name}")
    sentinel: dict[str, Any] = {**SENTINEL["sentinel"], "username": "s", "database": 3, "tls": True}
    sentinel["password"] = {"file": str(tmp_path / "sentinels")}
    settings = RedisSettings.model_validate(
        {
            "sentinel": sentinel,
            "username": "r",
            "password": {"file": str(tmp_path / "redis")},
            "tls_ca_file": "/ca.pem",
            "connect_timeout": "100ms",
        }
    )
    pool: Any = connect(settings).connection_pool
    asked: Any = [one.connection_pool for one in pool.sentinel_manager.sentinels]
    names = ("username", "password", "db", "ssl_ca_certs", "socket_timeout", "socket_connect_timeout")
    assert [pool.connection_kwargs.get(name) for name in names] == ["r", "password of redis", 3, "/ca.pem", 0.05, 0.1]
    assert [[one.connection_kwargs.get(name) for name in names] for one in asked] == [
        ["s", "password of sentinels", 0, "/ca.pem", 0.1, 0.1]
    ] * 2
    assert "SSL" in pool.connection_class.__name__
    assert all("SSL" in one.connection_class.__name__ for one in asked)
