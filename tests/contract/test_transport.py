"""What every transport must do, asked with stock gRPC clients."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from extauth.serving.lean import LeanTransport
from extauth.serving.sockets import BindError
from extauth.serving.stock import StockTransport
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, Transport, TransportOptions
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import DESCRIPTOR

TRANSPORTS = {"stock": StockTransport, "lean": LeanTransport}
CHECK = f"/{CHECK_SERVICE}/{CHECK_METHOD}"


class Waiting:
    """A pending answer that comes when the test says so, if ever."""

    def __init__(self, answer: bytes, delay: float) -> None:
        self._answer = answer
        self._delay = delay
        self._done = threading.Lock()

    def then(self, deliver: Callable[[bytes], None]) -> None:
        def late() -> None:
            if self._done.acquire(blocking=False):
                deliver(self._answer)

        timer = threading.Timer(self._delay, late)
        timer.daemon = True
        timer.start()

    def expire(self) -> bytes | None:
        return b"expired" if self._done.acquire(blocking=False) else None


class Handler:
    """Answers with what it was asked, or as the message says."""

    def decide(self, message: bytes, deadline: float) -> bytes | Waiting:
        word, _, number = message.partition(b" ")
        if word == b"wait":
            return Waiting(b"waited", float(number))
        if word == b"raise":
            raise RuntimeError("a fault of ours")
        if word == b"deadline":
            return str(deadline - time.monotonic()).encode()
        return message

    def unavailable(self, message: bytes) -> bytes:
        return b"unavailable"


@pytest.fixture(params=TRANSPORTS)
def make(request: pytest.FixtureRequest) -> Callable[..., Transport]:
    def make(*addresses: str, timeout: float = 1.0) -> Transport:
        options = TransportOptions(addresses, socket_mode=0o600, timeout=timeout, max_message_size=10_000, threads=4)
        transport: Transport = TRANSPORTS[request.param](Handler(), options)
        return transport

    return make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "extauth.sock"


@pytest.fixture
def channel(make: Callable[..., Transport], path: Path) -> Iterator[grpc.Channel]:
    transport = make(f"unix:{path}")
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        yield channel
    transport.stop(grace=1)


def call(channel: grpc.Channel, message: bytes, timeout: float = 10) -> bytes:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    return check(message, timeout=timeout)


def test_bytes_go_in_and_out(channel: grpc.Channel) -> None:
    assert call(channel, b"some bytes") == b"some bytes"
    assert call(channel, b"") == b""


def test_a_pending_answer_is_waited_for_while_others_are_served(channel: grpc.Channel) -> None:
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(call, channel, b"wait 0.3")
        assert call(channel, b"quick") == b"quick"
        assert not slow.done()
        assert slow.result() == b"waited"


def test_an_answer_that_does_not_come_in_time_is_ended(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}", timeout=0.1)
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert call(channel, b"wait 30") == b"expired"
    transport.stop(grace=0)


def test_the_callers_deadline_is_kept_with_a_margin(channel: grpc.Channel) -> None:
    assert float(call(channel, b"deadline", timeout=0.9)) < 0.9
    assert 0.9 < float(call(channel, b"deadline", timeout=30)) <= 1.0
    assert call(channel, b"wait 30", timeout=3) == b"expired"


def test_a_fault_of_ours_is_an_answer_and_not_a_status(channel: grpc.Channel) -> None:
    assert call(channel, b"raise") == b"unavailable"
    assert call(channel, b"still there") == b"still there"


def test_a_message_over_the_limit_is_refused_and_the_next_one_served(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, b"x" * 10_001)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call(channel, b"x" * 10_000) == b"x" * 10_000


def test_other_methods_are_unimplemented(channel: grpc.Channel) -> None:
    for method in ("/envoy.service.auth.v3.Authorization/Other", "/other.Service/Check"):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(method)(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_compressed_messages_are_read(channel: grpc.Channel) -> None:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    assert check(b"a" * 5000, timeout=10, compression=grpc.Compression.Gzip) == b"a" * 5000


def test_cancelled_calls_leave_nothing_behind(channel: grpc.Channel) -> None:
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
    for _ in range(20):
        check.future(b"wait 0.2", timeout=10).cancel()
    time.sleep(0.3)
    assert call(channel, b"still there") == b"still there"


def test_health_is_served_by_name(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", CHECK_SERVICE):
        reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_health_watchers_are_told_of_a_drain_while_checks_go_on(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}")
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        transport.drain()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert call(channel, b"still served") == b"still served"
        watch.cancel()
    transport.stop(grace=1)


def test_reflection_describes_the_service_under_envoys_name(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=CHECK_SERVICE),
    ]
    listed, described = stub.ServerReflectionInfo(iter(requests), timeout=10)
    names = {service.name for service in listed.list_services_response.service}
    assert {CHECK_SERVICE, "grpc.health.v1.Health"} <= names
    assert DESCRIPTOR.serialized_pb in described.file_descriptor_response.file_descriptor_proto


def test_calls_under_way_end_well_while_stopping(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}")
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel, ThreadPoolExecutor() as pool:
        under_way = [pool.submit(call, channel, b"wait 0.3") for _ in range(3)]
        time.sleep(0.1)
        transport.stop(grace=5)
        assert [future.result() for future in under_way] == [b"waited"] * 3
    assert not path.exists()


def test_stopping_does_not_wait_longer_than_its_grace(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}", timeout=20)
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel, ThreadPoolExecutor() as pool:
        stuck = pool.submit(call, channel, b"wait 2", 20)
        time.sleep(0.2)
        started = time.monotonic()
        transport.stop(grace=0.1)
        assert time.monotonic() - started < 1.5
        with pytest.raises(grpc.RpcError):
            stuck.result()


def test_tcp_and_unix_are_served_together(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}", "127.0.0.1:0")
    bound = transport.start()
    for target in bound.values():
        with grpc.insecure_channel(target) as channel:
            assert call(channel, b"here") == b"here"
    transport.stop(grace=0)


def test_a_unix_socket_has_the_mode_that_was_asked_for(make: Callable[..., Transport], path: Path) -> None:
    transport = make(f"unix:{path}")
    transport.start()
    assert path.stat().st_mode & 0o777 == 0o600
    transport.stop(grace=0)


def test_a_socket_left_by_a_killed_process_is_taken_over(make: Callable[..., Transport], path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    transport = make(f"unix:{path}")
    transport.start()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert call(channel, b"here") == b"here"
    transport.stop(grace=0)


def test_a_socket_that_somebody_serves_is_left_alone(
    make: Callable[..., Transport], channel: grpc.Channel, path: Path
) -> None:
    with pytest.raises(BindError, match="another process does already"):
        make(f"unix:{path}").start()
    assert call(channel, b"still there") == b"still there"


def test_a_file_in_place_of_the_socket_is_left_alone(make: Callable[..., Transport], path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(BindError, match="a file that is not a socket"):
        make(f"unix:{path}").start()
    assert path.read_text() == "precious"


def test_a_directory_that_does_not_exist_is_named(make: Callable[..., Transport], tmp_path: Path) -> None:
    with pytest.raises(BindError, match=r"the directory .*/missing does not exist"):
        make(f"unix:{tmp_path}/missing/x.sock").start()


def test_a_port_in_use_is_named(make: Callable[..., Transport]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match=f"cannot listen on 127.0.0.1:{port}"):
            make(f"127.0.0.1:{port}").start()
