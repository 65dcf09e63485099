"""Where workers listen."""

import pytest

from extauth.policy.endpoints import endpoints, worker_address
from extauth.policy.settings import SidecarSettings
from extauth.settings.model import validate
from extauth.settings.problems import SettingsError
from extauth.settings.source import Source


def settings(workers: int, *addresses: str) -> SidecarSettings:
    text = f"""
listen: {{grpc: [{", ".join(addresses)}]}}
workers: {workers}
keys: {{peppers: [{{id: p1, env: P}}]}}
apis: [{{name: one, credentials: [{{header: x}}]}}]
"""
    return validate(SidecarSettings, Source(text, "extauth.yaml"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:/run/extauth/extauth.sock", "unix:/run/extauth/extauth-2.sock"),
        ("unix:/run/extauth.d/socket", "unix:/run/extauth.d/socket-2"),
        ("unix:/run/a.b.sock", "unix:/run/a.b-2.sock"),
        ("127.0.0.1:9001", "127.0.0.1:9001"),
    ],
)
def test_a_worker_has_a_socket_of_its_own_and_shares_ports(address: str, expected: str) -> None:
    assert worker_address(address, 2, 3) == expected
    assert worker_address(address, 0, 1) == address


def test_endpoints_are_all_sockets_and_each_port_once() -> None:
    assert endpoints(["unix:/a.sock", "127.0.0.1:1"], 2) == ("unix:/a-0.sock", "unix:/a-1.sock", "127.0.0.1:1")
    assert endpoints(["unix:/a.sock", "127.0.0.1:1"], 1) == ("unix:/a.sock", "127.0.0.1:1")


def test_one_worker_is_the_default() -> None:
    assert SidecarSettings.model_fields["workers"].default == 1


@pytest.mark.parametrize("workers", [1, 10, 64])
def test_a_socket_may_be_as_long_as_the_system_allows(workers: int) -> None:
    longest = 107 - len("-63") if workers > 10 else 107 - len("-9") if workers > 1 else 107
    path = "unix:/" + "a" * (longest - 1)
    assert settings(workers, path).workers == workers
    with pytest.raises(SettingsError, match="the socket path has 108 bytes"):
        settings(workers, f"{path}a")


def test_there_is_at_least_one() -> None:
    with pytest.raises(SettingsError, match="workers"):
        settings(0, "unix:/a.sock")
