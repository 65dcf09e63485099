"""KeyRegistry over a real gRPC channel: the operations of the REST API, with the same rights and the same audit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import httpx2
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from extauth.registry import times
from extauth.registry.backup_file import BackupError
from extauth.registry.errors import RegistryError, UnavailableError
from extauth.registry.grpc_errors import CODES
from extauth.registry.pepper_use import MissingPepperError
from extauth.registry.roles import PERMISSIONS
from extauth.registry.server import RegistryServer
from extauth.wire.registry.v1 import registry_pb2 as pb
from tests.registry.identities import TENANTS, make_all

Call = Callable[..., Any]
SERVICE = pb.DESCRIPTOR.services_by_name["KeyRegistry"]
UNARY = [method for method in SERVICE.methods if not method.server_streaming]


def class_of(name: str) -> type[Message]:
    found: type[Message] = getattr(pb, name)
    return found


@pytest.fixture
def call(server: RegistryServer, token: str) -> Iterator[Call]:
    with grpc.insecure_channel(str(server.grpc_address), [("grpc.primary_user_agent", "tests")]) as channel:

        def call(operation: str, /, *, as_: str | None = token, **fields: Any) -> Any:
            method = SERVICE.methods_by_name[operation]
            stub = channel.unary_unary(
                f"/{SERVICE.full_name}/{operation}",
                request_serializer=class_of(method.input_type.name).SerializeToString,  # type: ignore[attr-defined]
                response_deserializer=class_of(method.output_type.name).FromString,
            )
            metadata = [("authorization", f"Bearer {as_}")] if as_ else []
            return stub(class_of(method.input_type.name)(**fields), timeout=20, metadata=metadata)

        yield call


@pytest.fixture
def key(call: Call) -> pb.Key:
    made: pb.Key = call("CreateKey", name="a key", tenant="acme").key
    return made


def code_of(call: Call, operation: str, /, **fields: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        call(operation, **fields)
    code: grpc.StatusCode = raised.value.code()  # type: ignore[attr-defined]
    return code


def test_create_takes_everything_and_shows_the_secret(call: Call, server: RegistryServer) -> None:
    limit = pb.LimitOverride(name="per-key", amount=10, period_seconds=1, burst=20)
    until = times.now() + 1_000_000
    issued = call(
        "CreateKey",
        name="a key",
        tenant="acme",
        scopes=pb.Scopes(values=["read"]),
        plan="gold",
        limits=[limit],
        metadata={"team": "billing"},
        not_before=1,
        expires_at=until,
        created_by="ada",
    )
    key = issued.key
    assert issued.secret.startswith(f"ea_{key.id}_")
    assert (key.scopes, key.plan, key.effective_plan, list(key.limits)) == (["read"], "gold", "gold", [limit])
    assert (key.metadata, key.not_before, key.expires_at, key.created_by) == ({"team": "billing"}, 1, until, "ada")
    assert (key.state, key.revision) == (pb.Key.ACTIVE, server.registry.show(key.id).revision)


def test_the_life_of_a_key(call: Call, key: pb.Key) -> None:
    assert call("GetKey", key_id=key.id) == key
    assert call("DisableKey", key_id=key.id).state == pb.Key.DISABLED
    assert call("EnableKey", key_id=key.id).state == pb.Key.ACTIVE
    successor = call("RotateKey", key_id=key.id, grace_seconds=60)
    assert successor.key.rotated_from == key.id
    old = call("GetKey", key_id=key.id)
    assert (old.rotated_to, old.expires_at > times.now()) == (successor.key.id, True)
    revoked = call("RevokeKey", key_id=successor.key.id, reason="leaked")
    assert (revoked.state, revoked.revoked_reason) == (pb.Key.REVOKED, "leaked")
    assert call("ExpireKey", key_id=key.id).state == pb.Key.EXPIRED


def test_rotation_without_grace_revokes_at_once(call: Call, key: pb.Key) -> None:
    call("RotateKey", key_id=key.id, grace_seconds=0)
    assert call("GetKey", key_id=key.id).state == pb.Key.REVOKED


def test_update_replaces_what_is_given_and_leaves_the_rest(call: Call) -> None:
    until = times.now() + 1_000_000
    key = call("CreateKey", name="old", tenant="acme", scopes=pb.Scopes(values=["a"]), expires_at=until).key
    renamed = call("UpdateKey", key_id=key.id, name="new")
    assert (renamed.name, renamed.scopes, renamed.expires_at) == ("new", ["a"], until)
    emptied = call(
        "UpdateKey", key_id=key.id, scopes=pb.Scopes(), expires_at=0, metadata=pb.Metadata(values={"a": "b"})
    )
    assert (emptied.name, emptied.scopes, emptied.expires_at, emptied.metadata) == ("new", [], 0, {"a": "b"})
    assert code_of(call, "UpdateKey", key_id=key.id, name="late", revision=key.revision) is grpc.StatusCode.ABORTED
    assert call("UpdateKey", key_id=key.id, name="in time", revision=emptied.revision).name == "in time"


def test_lists_are_filtered_and_paged(call: Call) -> None:
    made = [call("CreateKey", name=f"key {number}", tenant="acme").key.id for number in range(3)]
    call("CreateKey", name="other", tenant="other")
    first = call("ListKeys", tenant="acme", page_size=2)
    second = call("ListKeys", tenant="acme", page_size=2, page_token=first.next_page_token)
    assert sorted(key.id for key in (*first.keys, *second.keys)) == sorted(made)
    assert second.next_page_token == ""
    call("RevokeKey", key_id=made[0])
    assert [key.id for key in call("ListKeys", state=pb.Key.REVOKED).keys] == [made[0]]
    assert [key.name for key in call("ListKeys", text="other").keys] == ["other"]


def test_what_is_wrong_with_each_field_is_told(call: Call) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call("CreateKey", name="", tenant="no tenant")
    error: Any = raised.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    bad = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad)
    assert [(one.field, "use" in one.description) for one in bad.field_violations] == [("name", True), ("tenant", True)]


def test_each_error_has_its_code(
    call: Call, key: pb.Key, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_of(call, "GetKey", key_id="000000000000") is grpc.StatusCode.NOT_FOUND
    assert code_of(call, "GetKey", key_id="\0") is grpc.StatusCode.NOT_FOUND
    call("RevokeKey", key_id=key.id)
    assert code_of(call, "EnableKey", key_id=key.id) is grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(call, "ListKeys", page_token="strange") is grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(call, "GetKey", key_id=key.id, as_="nobody's") is grpc.StatusCode.UNAUTHENTICATED
    assert code_of(call, "GetKey", key_id=key.id, as_=None) is grpc.StatusCode.UNAUTHENTICATED

    def away(_key_id: str) -> None:
        raise UnavailableError("the database does not answer")

    monkeypatch.setattr(server.registry, "show", away)
    assert code_of(call, "GetKey", key_id=key.id) is grpc.StatusCode.UNAVAILABLE


def test_no_kind_of_error_is_without_a_code() -> None:
    of_commands = {BackupError, MissingPepperError}  # which end before anything is served
    assert set(RegistryError.__subclasses__()) == set(CODES) | of_commands


def test_a_fault_of_our_own_tells_nothing(call: Call, server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_key_id: str) -> None:
        raise KeyError("something secret")

    monkeypatch.setattr(server.registry, "show", broken)
    with pytest.raises(grpc.RpcError) as raised:
        call("GetKey", key_id="000000000000")
    error: Any = raised.value
    assert (error.code(), "secret" in error.details()) == (grpc.StatusCode.INTERNAL, False)


def test_the_audit_trail_says_from_where(call: Call, key: pb.Key, http: httpx2.Client) -> None:
    entry = http.get("/v1/audit", params={"target": key.id}).json()["items"][0]
    assert (entry["action"], entry["actor"], entry["address"]) == ("created", "admin-token", "127.0.0.1")
    assert entry["user_agent"].startswith("tests")


@pytest.fixture
def identities(http: httpx2.Client) -> Mapping[str, str]:
    for tenant in TENANTS:
        http.post("/v1/tenants", json={"id": tenant})
    return make_all(http)


@pytest.mark.parametrize("method", [method.name for method in UNARY])
def test_every_call_lets_in_whom_it_should(call: Call, identities: Mapping[str, str], method: str) -> None:
    permission = PERMISSIONS["GRPC", method]
    seen, expected = {}, {}
    for identity, secret in identities.items():
        role, _, tenant = identity.partition(" of ")
        key_id = call("CreateKey", name="a key", tenant="acme").key.id
        fields = {"CreateKey": {"name": "a key", "tenant": "acme"}, "ListKeys": {"tenant": "acme"}}
        try:
            call(method, as_=secret, **fields.get(method, {"key_id": key_id}))
            seen[identity] = grpc.StatusCode.OK
        except grpc.RpcError as error:
            seen[identity] = error.code()  # type: ignore[attr-defined]
        is_allowed = role in {one.value for one in permission.roles}
        not_there = grpc.StatusCode.NOT_FOUND if tenant == "other" else grpc.StatusCode.OK
        expected[identity] = not_there if is_allowed else grpc.StatusCode.PERMISSION_DENIED
    assert seen == expected


def test_an_editor_of_a_tenant_does_not_say_how_much_it_may_use(
    call: Call, key: pb.Key, identities: Mapping[str, str]
) -> None:
    editor = identities["editor of acme"]
    denied = grpc.StatusCode.PERMISSION_DENIED
    assert code_of(call, "CreateKey", as_=editor, name="a", tenant="acme", plan="gold") is denied
    assert code_of(call, "UpdateKey", as_=editor, key_id=key.id, plan="") is denied
    assert code_of(call, "UpdateKey", as_=editor, key_id=key.id, limits=pb.Limits()) is denied
