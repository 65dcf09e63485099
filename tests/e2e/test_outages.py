"""A part goes away and comes back. An outage is a 503, never a 401."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Self

import pytest
import redis

from extauth.demo import services
from tests.e2e.answer import Answer
from tests.e2e.eventually import eventually
from tests.e2e.http1 import send
from tests.e2e.running import Running, running_stack
from tests.e2e.scenario import PER_KEY, PLAIN

_PARTS = {"redis": services.redis, "registry": services.registry, "sidecar": services.sidecar}


class Watcher:
    """Sends one request after another, each with the next of some keys, until it is left."""

    def __init__(self, stack: Running, secrets: Sequence[str], path: str = PLAIN) -> None:
        self._stack = stack
        self._secrets = secrets
        self._path = path
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.005):
            secret = self._secrets[len(self.answers) % len(self._secrets)]
            self.answers.append(send(self._stack.url, self._path, [("x-api-key", secret)]))

    @property
    def outcomes(self) -> set[tuple[int, str | None]]:
        """Status and reason of each answer so far."""
        return {(answer.status, answer.reason) for answer in self.answers}


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_stack(tmp_path_factory.mktemp("stack"), {"shutdown": {"delay": "4s"}}) as running:
        yield running


@pytest.fixture
def stack(breakable: Running) -> Iterator[Running]:
    """Whole again after each test."""
    yield breakable
    for name in _PARTS:
        if breakable.supervisor[name].ending is not None:
            start_again(breakable, name)
    fresh = breakable.issue()
    eventually(lambda: all_pass(breakable, [fresh.secret]), 10)


def start_again(stack: Running, name: str) -> None:
    service = _PARTS[name](stack.layout)
    stack.supervisor.start(service)
    stack.supervisor.wait_until_ready(service)


def all_pass(stack: Running, secrets: Sequence[str]) -> bool:
    return all(send(stack.url, PLAIN, [("x-api-key", secret)]).status == 200 for secret in secrets)


def test_an_empty_redis_is_filled_again(stack: Running) -> None:
    known = [stack.issue().secret for _ in range(3)]
    unseen = [stack.issue().secret for _ in range(50)]
    revoked = stack.issue()
    stack.keys("revoke", revoked.id)
    stack.wait_until_published()
    assert all_pass(stack, known)
    with (
        Watcher(stack, known) as of_known,
        Watcher(stack, unseen) as of_unseen,
        Watcher(stack, [revoked.secret]) as of_revoked,
    ):
        stack.supervisor["redis"].kill()
        time.sleep(1)
        start_again(stack, "redis")
        eventually(lambda: all_pass(stack, [*known, *unseen]), 15)
    assert of_known.outcomes == {(200, None)}  # from memory, all the time
    assert of_unseen.outcomes <= {(200, None), (503, "unavailable")}
    assert of_revoked.outcomes <= {(401, "revoked_key"), (503, "unavailable")}
    with redis.Redis(unix_socket_path=str(stack.layout.redis_socket)) as client:
        published = len(list(client.scan_iter("extauth:key:*")))
    assert published == len(stack.client.call("GET", "/v1/keys", query={"limit": 500})["items"])


def test_without_redis_unknown_keys_wait_and_limits_are_local(stack: Running) -> None:
    known, unseen = stack.issue(), stack.issue()
    assert send(stack.url, PER_KEY, [known.header]).status == 200
    before = stack.metrics()
    stack.supervisor["redis"].kill()
    assert send(stack.url, PLAIN, [unseen.header]).reason == "unavailable"
    assert send(stack.url, PER_KEY, [known.header]).status == 200
    eventually(lambda: stack.metrics()("extauth_ready", component="redis") == 0, 10)
    after = stack.metrics()
    spends = {"api": "per-key", "limit": "per-key", "source": "local", "outcome": "allowed"}
    for name, labels in (
        ("extauth_bucket_spends_total", spends),
        ("extauth_checks_total", {"api": "plain", "reason": "unavailable"}),
    ):
        assert after(name, **labels) - before(name, **labels) == 1


def test_a_redis_that_hangs_costs_no_more_than_the_deadline(stack: Running) -> None:
    known, unseen = stack.issue().secret, stack.issue().secret
    assert all_pass(stack, [known])
    process = stack.supervisor["redis"].process_id
    os.kill(process, signal.SIGSTOP)
    try:
        for secret, expected in ((known, (200, None)), (unseen, (503, "unavailable"))):
            answer = send(stack.url, PLAIN, [("x-api-key", secret)])
            assert (answer.status, answer.reason) == expected  # past its own deadline Envoy would give no reason
    finally:
        os.kill(process, signal.SIGCONT)
    eventually(lambda: all_pass(stack, [known, unseen]), 5)


def test_checks_go_on_without_the_registry(stack: Running) -> None:
    known, unseen, later = (stack.issue() for _ in range(3))
    assert all_pass(stack, [known.secret])
    stack.supervisor["registry"].kill()
    assert all_pass(stack, [known.secret, unseen.secret])
    start_again(stack, "registry")
    stack.keys("revoke", later.id)
    eventually(lambda: send(stack.url, PLAIN, [later.header]).reason == "revoked_key", 4)


def test_a_sidecar_drains(stack: Running) -> None:
    key = stack.issue()
    assert all_pass(stack, [key.secret])
    sidecar = stack.supervisor["sidecar"]
    with Watcher(stack, [key.secret]) as watcher:
        os.kill(sidecar.process_id, signal.SIGTERM)
        eventually(lambda: readiness(stack) == 503, 4)
        before = len(watcher.answers)
        eventually(lambda: len(watcher.answers) > before, 4)
        assert {answer.status for answer in watcher.answers} == {200}, "it serves on while Envoy turns away from it"
        eventually(lambda: sidecar.ending is not None, 10)
    assert sidecar.ending == "exit status 0"
    assert watcher.outcomes <= {(200, None), (503, None)}
    without = send(stack.url, PLAIN, [key.header])
    assert (without.status, without.body) == (503, b"")  # Envoy's own: it fails closed
    start_again(stack, "sidecar")
    assert all_pass(stack, [key.secret])


def readiness(stack: Running) -> int:
    try:
        with urllib.request.urlopen(f"{stack.layout.sidecar_admin_url}/readyz", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
