"""KeyRegistry over gRPC, but for WatchKeys: the operations of the REST API, under the same rights and audit."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message

from extauth.registry.errors import ForbiddenError, NotFoundError, RegistryError
from extauth.registry.grpc_errors import CallError
from extauth.registry.grpc_guard import GrpcGuard, origin_of
from extauth.registry.grpc_messages import issued_message, key_filter, key_message, key_update, new_key
from extauth.registry.identity import Identity
from extauth.registry.key import Key
from extauth.registry.operations import KeyRegistry
from extauth.registry.origin import ORIGIN
from extauth.registry.watch import SERVICE
from extauth.telemetry.logs import logger
from extauth.wire.registry.v1 import registry_pb2 as pb

_PAGE_SIZE = 50
_GRACE = 86400.0
"""Seconds, as in the REST API."""
RequestT = TypeVar("RequestT", bound=Message)
_log = logger(__name__)


class KeyCalls:
    """Each method does one call for an identity that may do such things."""

    def __init__(self, registry: KeyRegistry, guard: GrpcGuard) -> None:
        self._registry = registry
        self._guard = guard

    def handler(self) -> grpc.GenericRpcHandler:
        methods: Mapping[str, tuple[Callable[[Any, Identity], Message], type[Message]]] = {
            "CreateKey": (self.create, pb.CreateKeyRequest),
            "GetKey": (self.get, pb.GetKeyRequest),
            "ListKeys": (self.list, pb.ListKeysRequest),
            "UpdateKey": (self.update, pb.UpdateKeyRequest),
            "RotateKey": (self.rotate, pb.RotateKeyRequest),
            "RevokeKey": (self.revoke, pb.RevokeKeyRequest),
            "ExpireKey": (self.expire, pb.ExpireKeyRequest),
            "DisableKey": (self.disable, pb.DisableKeyRequest),
            "EnableKey": (self.enable, pb.EnableKeyRequest),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                functools.partial(self._call, name, method),
                request_deserializer=request.FromString,
                response_serializer=_to_bytes,
            )
            for name, (method, request) in methods.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def create(self, request: pb.CreateKeyRequest, caller: Identity) -> pb.IssuedKey:
        caller.narrow(request.tenant)
        _check_allowance(caller, given=bool(request.plan or request.limits))
        existing = request.existing or caller.tenant is not None
        issued = self._registry.create(new_key(request, caller.name), caller.name, existing=existing)
        return issued_message(issued, self._registry.clock())

    def get(self, request: pb.GetKeyRequest, caller: Identity) -> pb.Key:
        return self._shown(self._seen(request.key_id, caller))

    def list(self, request: pb.ListKeysRequest, caller: Identity) -> pb.ListKeysResponse:
        wanted = key_filter(request, caller.narrow(request.tenant))
        page = self._registry.find(wanted, request.page_size or _PAGE_SIZE, request.page_token)
        now = self._registry.clock()
        return pb.ListKeysResponse(keys=[key_message(key, now) for key in page.keys], next_page_token=page.next_cursor)

    def update(self, request: pb.UpdateKeyRequest, caller: Identity) -> pb.Key:
        self._seen(request.key_id, caller)
        _check_allowance(caller, given=request.HasField("plan") or request.HasField("limits"))
        expected = {request.revision} if request.revision else None
        return self._shown(self._registry.update(request.key_id, key_update(request), caller.name, expected))

    def rotate(self, request: pb.RotateKeyRequest, caller: Identity) -> pb.IssuedKey:
        self._seen(request.key_id, caller)
        grace = request.grace_seconds if request.HasField("grace_seconds") else _GRACE
        issued = self._registry.rotate(request.key_id, grace, request.created_by or caller.name, caller.name)
        return issued_message(issued, self._registry.clock())

    def revoke(self, request: pb.RevokeKeyRequest, caller: Identity) -> pb.Key:
        self._seen(request.key_id, caller)
        return self._shown(self._registry.revoke(request.key_id, request.reason, caller.name))

    def expire(self, request: pb.ExpireKeyRequest, caller: Identity) -> pb.Key:
        self._seen(request.key_id, caller)
        return self._shown(self._registry.expire(request.key_id, request.at or None, caller.name))

    def disable(self, request: pb.DisableKeyRequest, caller: Identity) -> pb.Key:
        self._seen(request.key_id, caller)
        return self._shown(self._registry.disable(request.key_id, caller.name))

    def enable(self, request: pb.EnableKeyRequest, caller: Identity) -> pb.Key:
        self._seen(request.key_id, caller)
        return self._shown(self._registry.enable(request.key_id, caller.name))

    def _call(
        self,
        name: str,
        method: Callable[[RequestT, Identity], Message],
        request: RequestT,
        context: grpc.ServicerContext,
    ) -> Message:
        """What every call has in common: who asks, from where, and how it may fail."""
        origin = ORIGIN.set(origin_of(context))
        try:
            answer = self._answer(name, method, request, context)
        finally:
            ORIGIN.reset(origin)
        if isinstance(answer, CallError):
            _end(context, answer)
        return answer

    def _answer(
        self,
        name: str,
        method: Callable[[RequestT, Identity], Message],
        request: RequestT,
        context: grpc.ServicerContext,
    ) -> Message | CallError:
        try:
            return method(request, self._guard.identify(context, ("GRPC", name)))
        except CallError as error:
            return error
        except RegistryError as error:
            return CallError.of(error)
        except Exception:  # noqa: BLE001 (grpc would tell the caller its text)
            _log.exception("a call failed", method=name)
            return CallError(grpc.StatusCode.INTERNAL, "a fault of the registry's own: see its log")

    def _seen(self, key_id: str, caller: Identity) -> Key:
        """A key, when it is there for this identity; NotFoundError."""
        key = self._registry.show(key_id)
        if not caller.sees(key.tenant):
            raise NotFoundError
        return key

    def _shown(self, key: Key) -> pb.Key:
        return key_message(key, self._registry.clock())


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()


def _check_allowance(caller: Identity, *, given: bool) -> None:
    if given and caller.tenant is not None:
        raise ForbiddenError(
            "an identity of one tenant may not say how much its keys may use",
            "leave plan and limits out, or use a token of all tenants",
        )


def _end(context: grpc.ServicerContext, failure: CallError) -> NoReturn:
    context.set_trailing_metadata(failure.trailers())
    context.abort(failure.code, failure.text)
    raise AssertionError(failure.text)  # grpc.ServicerContext.abort is not typed as one that never returns
