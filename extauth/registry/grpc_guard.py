"""The door of KeyRegistry over gRPC: who may do what, by the same tokens and roles as in the REST API."""

from typing import NoReturn
from urllib.parse import unquote

import grpc

from extauth.registry import roles
from extauth.registry.authentication import Authenticator, bearer_token
from extauth.registry.errors import ForbiddenError
from extauth.registry.failures import FailureLimit
from extauth.registry.grpc_errors import CallError
from extauth.registry.identity import Identity
from extauth.registry.origin import Origin, network_of, printable


class GrpcGuard:
    """Lets calls in."""

    def __init__(self, authenticator: Authenticator, failures: FailureLimit) -> None:
        self._authenticator = authenticator
        self._failures = failures

    def identify(self, context: grpc.ServicerContext, operation: tuple[str, str]) -> Identity:
        """Who calls, and may do such a thing; CallError, or UnavailableError when the database is away."""
        network = network_of(peer_address(context.peer()))
        if self._failures.wait_for(network):
            raise CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls without a valid token: wait")
        authorization = _metadata(context, "authorization")
        identity = self._authenticator.identify(authorization)
        if identity is None:
            if bearer_token(authorization):
                self._failures.note(network)
            detail = "send the metadata `authorization: Bearer <admin token>`"
            raise CallError(grpc.StatusCode.UNAUTHENTICATED, detail)
        try:
            roles.check(identity, roles.PERMISSIONS[operation])
        except ForbiddenError as error:
            raise CallError.of(error) from None
        return identity

    def admit(self, context: grpc.ServicerContext) -> None:
        """Return when the caller may watch, or end the call by the exception that grpc raises for that."""
        try:
            self.identify(context, roles.WATCH)
        except CallError as error:
            _abort(context, error.code, error.text)


def origin_of(context: grpc.ServicerContext) -> Origin:
    """From where a call comes, for the audit trail."""
    return Origin(peer_address(context.peer()), printable(_metadata(context, "user-agent")))


def peer_address(peer: str) -> str:
    """Of `ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234`; empty for a Unix socket."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")


def _metadata(context: grpc.ServicerContext, wanted: str) -> str:
    for name, value in context.invocation_metadata():
        if name == wanted and isinstance(value, str):
            return value
    return ""


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, detail: str) -> NoReturn:
    context.abort(code, detail)
    raise AssertionError(detail)  # grpc.ServicerContext.abort is not typed as one that never returns
