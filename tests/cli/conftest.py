"""A real registry for the commands that ask one."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

TOKEN = "the-admin-token-of-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "token").write_text(TOKEN)
    (folder / "pepper").write_text("a pepper of 32 bytes or even more")
    settings = RegistrySettings.model_validate(
        {
            "database": f"sqlite:///{folder}/registry.db",
            "listen": {"http": "127.0.0.1:0", "grpc": None},
            "admin_token": {"file": str(folder / "token")},
            "keys": {"peppers": [{"id": "first", "file": str(folder / "pepper")}]},
        }
    )
    server = RegistryServer(settings, CollectorRegistry())
    server.start()
    yield server
    server.stop()
