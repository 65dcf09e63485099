"""One stack for each kind of original headers."""

from collections.abc import Iterator

import pytest

from extauth.demo.ports import HOST
from tests.http_check.stacks import Checked, checked_stack
from tests.support.lone_sidecar import free_port


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """For an nginx."""
    directory = tmp_path_factory.mktemp("checked")
    with checked_stack(directory, f"unix:{directory}/http.sock", "x-original") as found:
        yield found


@pytest.fixture(scope="session")
def forwarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """For a Traefik."""
    with checked_stack(tmp_path_factory.mktemp("forwarded"), f"{HOST}:{free_port()}", "x-forwarded") as found:
        yield found
