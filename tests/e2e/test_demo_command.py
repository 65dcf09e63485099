"""`extauth demo`, as a person runs it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from extauth.demo import binaries
from extauth.demo.ports import COUNT
from tests.e2e.eventually import eventually
from tests.e2e.running import free_base

_START = 60.0  # seconds


class Demo:
    """A demo in a process of its own; what it starts is known by a mark in the environment."""

    def __init__(self, directory: Path, base: int, cwd: Path, *options: str) -> None:
        self.directory = directory
        self.base = base
        self._mark = f"DEMO_OF_A_TEST={uuid.uuid4()}"
        self._printed = cwd / f"printed-{uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        environment = {key: value for key, value in os.environ.items() if key != "HOME"} | {name: value}
        command = [str(binaries.extauth()), "demo", "--port-base", str(base), "--directory", str(directory), *options]
        with self._printed.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, process_group=0
            )

    @property
    def output(self) -> str:
        return self._printed.read_text()

    def wait_until_ready(self) -> None:
        eventually(lambda: "\nready\n" in self.output or self.process.poll() is not None, _START)
        assert self.process.poll() is None, self.output

    def end(self, number: signal.Signals) -> int:
        """Send the signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def processes(self) -> dict[int, str]:
        """All that run because of it, by process id: their command lines."""
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return {int(entry.name): _command_line(entry) for entry in entries if self._is_ours(entry)}

    def _is_ours(self, entry: Path) -> bool:
        try:
            # Redis writes its title over its environment, but works in the demo's directory.
            marked = self._mark.encode() in (entry / "environ").read_bytes().split(b"\0")
            return marked or (entry / "cwd").readlink() == self.directory
        except OSError:  # it ended meanwhile
            return False

    def process_of(self, words: str) -> int:
        return next(number for number, command in self.processes().items() if words in command)

    def shell(self, command: str) -> str:
        """What a command prints in a bash that has read the `env` file."""
        script = f". {self.directory}/env\n{command}"
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False, cwd=self.directory
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def ready_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """For tests that leave it running. At the end Ctrl-C must stop all of it."""
    directory = tmp_path_factory.mktemp("demo")
    demo = Demo(directory / "demo", free_base(COUNT), directory)
    try:
        demo.wait_until_ready()
        yield demo
        assert demo.end(signal.SIGINT) == 0
        assert demo.processes() == {}
        assert demo.output.splitlines()[-1] == "stopped"
        assert not list((demo.directory / "run").iterdir())
    finally:
        demo.clean_up()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """For tests that end it themselves."""
    demo = Demo(tmp_path / "demo", free_base(COUNT), tmp_path)
    yield demo
    demo.clean_up()


def trials(output: str) -> list[tuple[str, str]]:
    """What should come of each command, and the command."""
    return re.findall(r"^  # ([^:]+): .*\n  (.+)$", output, flags=re.MULTILINE)


def assert_as_promised(demo: Demo, expected: str, command: str) -> None:
    printed = demo.shell(command)
    match expected:
        case "200" | "401":
            assert printed.startswith(f"HTTP/1.1 {expected} "), (command, printed)
        case "200, then 429":
            counts = {line.split()[1:][1]: int(line.split()[0]) for line in printed.splitlines() if "HTTP" in line}
            assert counts["200"] >= 20
            assert counts["200"] + counts["429"] == 40
            assert f"{counts['429']} retry-after: 1" in printed
        case "status revoked":
            assert re.search(r"^status +revoked$", printed, flags=re.MULTILINE), printed
            time.sleep(1)
        case "counts":
            assert 'extauth_checks_total{api="demo",reason="revoked_key"} 1.0' in printed
        case _:
            raise AssertionError(f"a trial that no test knows: {expected}")


def test_all_that_it_promises(ready_demo: Demo) -> None:
    lines = ready_demo.output.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["redis", "upstream", "registry", "sidecar", "envoy"]
    promised = trials(ready_demo.output)
    assert [expected for expected, _ in promised] == [
        "200",
        "401",
        "401",
        "200, then 429",
        "status revoked",
        "401",
        "counts",
    ]
    for expected, command in promised:
        assert_as_promised(ready_demo, expected, command)


def test_its_environment(ready_demo: Demo) -> None:
    assert (ready_demo.directory / "env").stat().st_mode & 0o777 == 0o600
    for secret in (ready_demo.directory / "secrets").iterdir():
        assert secret.stat().st_mode & 0o777 == 0o600
    names = "ENVOY_URL REGISTRY_URL METRICS_URL REDIS_URL TENANT KEY_HEADER"
    values = ready_demo.shell("".join(f'echo "${name}"\n' for name in names.split())).splitlines()
    assert values == [
        f"http://127.0.0.1:{ready_demo.base}",
        f"http://127.0.0.1:{ready_demo.base + 1}",
        f"http://127.0.0.1:{ready_demo.base + 3}/metrics",
        f"unix://{ready_demo.directory}/run/redis.sock",
        "acme",
        "x-api-key",
    ]
    listed = ready_demo.shell("extauth keys list --output json")
    scopes = {key["id"]: key["scopes"] for key in json.loads(listed)["items"]}
    assert scopes == {
        ready_demo.shell('echo -n "$KEY_ID"'): ["read", "write"],
        ready_demo.shell('echo -n "$READONLY_KEY_ID"'): ["read"],
    }
    used = ready_demo.shell('curl -s -H "$KEY_HEADER: $READONLY_KEY" "$ENVOY_URL/"')
    assert ["x-auth-tenant", "acme"] in json.loads(used)["headers"]


def test_nothing_outlives_a_killed_demo(demo: Demo) -> None:
    demo.wait_until_ready()
    assert len(demo.processes()) >= 6
    demo.process.kill()
    demo.process.wait()
    eventually(lambda: demo.processes() == {}, 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_while_it_starts(demo: Demo, number: signal.Signals) -> None:
    eventually(lambda: "redis" in demo.output, _START)
    assert demo.end(number) == 0
    assert demo.processes() == {}


def test_a_server_that_dies_takes_the_demo_with_it(demo: Demo) -> None:
    demo.wait_until_ready()
    os.kill(demo.process_of("extauth serve"), signal.SIGKILL)
    assert demo.process.wait(40) == 1
    error = demo.output.partition("Error: ")[2]
    assert error.startswith(f"sidecar died (killed by SIGKILL); the end of {demo.directory}/logs/sidecar.log:\n")
    assert '"event": "serving"' in error
    assert demo.processes() == {}


def test_a_taken_port(tmp_path: Path) -> None:
    base = free_base(COUNT)
    with socket.create_server(("127.0.0.1", base + 3)):
        demo = Demo(tmp_path / "demo", base, tmp_path)
        assert demo.process.wait(_START) == 1
    assert f"port {base + 3} (sidecar admin)" in demo.output
    assert "--port-base" in demo.output
    assert [entry.name for entry in (tmp_path / "demo").iterdir()] == [".made-by-extauth-demo"]


@pytest.mark.slow
def test_two_at_a_time_and_no_third_in_their_directories(demo: Demo, tmp_path: Path) -> None:
    """The second one's directory has a name that neither a socket nor a URL could take."""
    demo.wait_until_ready()
    long = tmp_path / ("a directory with a long name? " * 4).strip() / "d@mo"
    other = Demo(long, free_base(COUNT), tmp_path)
    try:
        third = Demo(demo.directory, free_base(COUNT), tmp_path)
        assert third.process.wait(_START) == 1
        assert f"another demo (process {demo.process.pid}) is running in {demo.directory}" in third.output
        other.wait_until_ready()
        assert other.end(signal.SIGINT) == 0
        assert other.processes() == {}
    finally:
        other.clean_up()
    assert demo.shell('curl -s -o /dev/null -w "%{http_code}" -H "$KEY_HEADER: $KEY" "$ENVOY_URL/"') == "200"


@pytest.mark.slow
def test_again_in_the_same_directory(demo: Demo, tmp_path: Path) -> None:
    demo.wait_until_ready()
    secrets = {path.name: path.read_text() for path in (demo.directory / "secrets").iterdir()}
    (demo.directory / "left-over").touch()
    assert demo.end(signal.SIGINT) == 0
    again = Demo(demo.directory, demo.base, tmp_path)
    try:
        again.wait_until_ready()
        assert not (demo.directory / "left-over").exists()
        for path in (demo.directory / "secrets").iterdir():
            assert path.read_text() != secrets[path.name]
        assert len(json.loads(again.shell("extauth keys list --output json"))["items"]) == 2
    finally:
        again.clean_up()
