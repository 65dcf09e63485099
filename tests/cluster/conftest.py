"""The cluster, for all tests of this folder: `make test-kubernetes` builds its parts and makes the namespaces."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, running_cluster
from tests.cluster.newcomer import Newcomer


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    built = os.environ.get("EXTAUTH_CLUSTER")
    if built is None:
        pytest.skip("`make test-kubernetes` builds a cluster, and runs this in it")
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, Path(built) / "programs", Path(built) / "images") as found:
        yield found


@pytest.fixture(scope="session")
def newcomer(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    found = Newcomer(cluster, tmp_path_factory.mktemp("newcomer"))
    found.prepare()
    return found


@pytest.fixture(scope="session")
def told(newcomer: Newcomer) -> str:
    """What the guide's commands printed."""
    return newcomer.follow_the_guide()
