"""WatchKeys over real gRPC: catching up, following, resuming, and every way in which it ends."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from sqlalchemy import update

from extauth.registry import schema
from extauth.registry.admin_token import NewAdminToken
from extauth.registry.database import Database
from extauth.registry.failures import BURST
from extauth.registry.identity import Role
from extauth.registry.key import Key, NewKey
from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings
from extauth.registry.watch import MAX_WATCHERS
from extauth.wire.registry.v1 import registry_pb2

DEADLINE = 10
Metadata = tuple[tuple[str, str | bytes], ...]


@pytest.fixture
def channel(server: RegistryServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(str(server.grpc_address)) as channel:
        yield channel


@pytest.fixture
def watch(channel: grpc.Channel, token: str) -> Callable[..., Any]:
    method = channel.unary_stream(
        "/extauth.registry.v1.KeyRegistry/WatchKeys",
        request_serializer=registry_pb2.WatchKeysRequest.SerializeToString,
        response_deserializer=registry_pb2.KeyChange.FromString,
    )

    def watch(
        from_revision: int = 0, epoch: int = 0, metadata: Metadata = (("authorization", f"Bearer {token}"),)
    ) -> Any:
        request = registry_pb2.WatchKeysRequest(from_revision=from_revision, epoch=epoch)
        return method(request, timeout=DEADLINE, metadata=metadata)

    return watch


@pytest.fixture
def make(server: RegistryServer) -> Callable[[], Key]:
    return lambda: server.registry.create(NewKey(name="a", tenant="acme", created_by="x"), "tester").key


def ending(call: Iterator[registry_pb2.KeyChange]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as ended:
        list(call)
    assert isinstance(ended.value, grpc.Call)
    return ended.value.code(), str(ended.value.details())


def records(call: Iterator[registry_pb2.KeyChange], count: int) -> list[registry_pb2.KeyChange]:
    """The next `count` changes, without bookmarks."""
    found = []
    for change in call:
        if change.HasField("record"):
            found.append(change)
        if len(found) == count:
            return found
    raise AssertionError("the stream ended")


def test_it_begins_with_the_present_state_and_goes_on(
    server: RegistryServer, watch: Callable[..., Any], make: Callable[[], Key]
) -> None:
    first, second = make(), make()
    server.registry.revoke(first.id, "", "tester")
    call = watch()
    told = records(call, 2)
    assert [(change.revision, change.epoch, change.record.key_id) for change in told] == [
        (2, 1, second.id),
        (3, 1, first.id),
    ]
    assert told[1].record.status == registry_pb2.KeyRecord.REVOKED
    assert told[0].committed_at == second.created_at
    third = make()
    assert records(call, 1)[0].record.key_id == third.id
    call.cancel()


def test_it_is_taken_up_where_it_broke_off(watch: Callable[..., Any], make: Callable[[], Key]) -> None:
    ids = [make().id for _ in range(3)]
    call = watch()
    seen = records(call, 2)[-1]
    call.cancel()
    again = watch(seen.revision, seen.epoch)
    assert records(again, 1)[0].record.key_id == ids[2]
    again.cancel()


def test_more_keys_than_one_batch_come_all_and_in_order(
    server: RegistryServer, watch: Callable[..., Any], make: Callable[[], Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extauth.registry.watch._BATCH", 3)
    for _ in range(10):
        make()
    call = watch()
    assert [change.revision for change in records(call, 10)] == list(range(1, 11))
    call.cancel()


def test_a_bookmark_comes_when_nothing_else_does(watch: Callable[..., Any], make: Callable[[], Key]) -> None:
    make()
    call = watch()
    records(call, 1)
    started = time.monotonic()
    bookmark = next(call)
    assert not bookmark.HasField("record")
    assert (bookmark.revision, bookmark.epoch) == (1, 1)
    assert 0.5 < time.monotonic() - started < 5
    call.cancel()


@pytest.mark.parametrize(
    "metadata", [(), (("authorization", "Bearer wrong"),), (("authorization", ""),), (("authorization-bin", b"\xff"),)]
)
def test_without_the_token_it_is_refused(watch: Callable[..., Any], metadata: Metadata) -> None:
    code, details = ending(watch(metadata=metadata))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "authorization" in details


@pytest.mark.parametrize(("revision", "epoch"), [(0, 2), (1, 0), (1, 2), (2, 1), (2**64 - 1, 1)])
def test_what_this_history_never_had_is_refused(
    watch: Callable[..., Any], make: Callable[[], Key], revision: int, epoch: int
) -> None:
    make()
    code, details = ending(watch(revision, epoch))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "begin again from 0" in details


def test_a_new_epoch_ends_it(watch: Callable[..., Any], make: Callable[[], Key], settings: RegistrySettings) -> None:
    make()
    call = watch()
    records(call, 1)
    database = Database(settings.database)
    with database.write() as connection:
        connection.execute(update(schema.registry).values(epoch=2))
    database.close()
    assert ending(call)[0] is grpc.StatusCode.FAILED_PRECONDITION


def test_a_history_that_went_back_ends_it(
    watch: Callable[..., Any], make: Callable[[], Key], settings: RegistrySettings
) -> None:
    make()
    call = watch()
    records(call, 1)
    database = Database(settings.database)
    with database.write() as connection:
        connection.execute(update(schema.registry).values(revision=0))
    database.close()
    code, details = ending(call)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "is now 0" in details


def test_an_outage_of_the_database_ends_it_as_unavailable(
    watch: Callable[..., Any], make: Callable[[], Key], settings: RegistrySettings
) -> None:
    make()
    call = watch()
    records(call, 1)
    database = Database(settings.database)
    with database.write() as connection:
        schema.changes.drop(connection)
        schema.registry.drop(connection)
    database.close()
    assert ending(call)[0] is grpc.StatusCode.UNAVAILABLE


def test_one_watcher_too_many_is_refused_and_a_seat_is_given_back(
    watch: Callable[..., Any], make: Callable[[], Key]
) -> None:
    make()
    calls = [watch() for _ in range(MAX_WATCHERS)]
    for call in calls:
        records(call, 1)
    assert ending(watch())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    calls[0].cancel()
    deadline = time.monotonic() + DEADLINE
    while True:
        calls.append(watch())
        try:
            records(calls[-1], 1)
            break
        except grpc.RpcError:
            assert time.monotonic() < deadline
    for call in calls:
        call.cancel()


def test_stopping_ends_it_at_once(server: RegistryServer, watch: Callable[..., Any], make: Callable[[], Key]) -> None:
    make()
    call = watch()
    records(call, 1)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 3
    code, details = ending(call)
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "stops" in details


def test_health_and_reflection(server: RegistryServer, channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "extauth.registry.v1.KeyRegistry"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(requests, timeout=DEADLINE)
    names = {service.name for service in answer.list_services_response.service}
    assert "extauth.registry.v1.KeyRegistry" in names


def test_a_watcher_whose_token_is_revoked_is_sent_away(
    watch: Callable[..., Any], make: Callable[[], Key], server: RegistryServer
) -> None:
    issued = server._admin_tokens.create(NewAdminToken("elsewhere", Role.PUBLISHER), "tester")
    make()
    call = watch(metadata=(("authorization", f"Bearer {issued.secret}"),))
    assert len(records(call, 1)) == 1
    server._admin_tokens.revoke(issued.token.id, "", "tester")
    assert ending(call)[0] == grpc.StatusCode.UNAUTHENTICATED


def test_guessing_is_slowed_down(watch: Callable[..., Any]) -> None:
    for number in range(BURST):
        code, _ = ending(watch(metadata=(("authorization", f"Bearer guess-{number}"),)))
        assert code == grpc.StatusCode.UNAUTHENTICATED
    assert ending(watch())[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
