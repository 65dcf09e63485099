"""The door of WatchKeys: who may watch, by the same tokens and roles as in the REST API."""

from typing import NoReturn
from urllib.parse import unquote

import grpc

from extauth.registry import roles
from extauth.registry.authentication import Authenticator, bearer_token
from extauth.registry.errors import ForbiddenError
from extauth.registry.failures import FailureLimit
from extauth.registry.origin import network_of


class GrpcGuard:
    """Lets a call in, or ends it by the exception that grpc raises for that."""

    def __init__(self, authenticator: Authenticator, failures: FailureLimit) -> None:
        self._authenticator = authenticator
        self._failures = failures

    def admit(self, context: grpc.ServicerContext) -> None:
        """Return when the caller may watch; UnavailableError when the database has to be asked and is away."""
        network = network_of(peer_address(context.peer()))
        if self._failures.wait_for(network):
            _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls without a valid token: wait")
        authorization = _authorization(context)
        identity = self._authenticator.identify(authorization)
        if identity is None:
            if bearer_token(authorization):
                self._failures.note(network)
            detail = "send the metadata `authorization: Bearer <admin token>`"
            _abort(context, grpc.StatusCode.UNAUTHENTICATED, detail)
        try:
            roles.check(identity, roles.PERMISSIONS[roles.WATCH])
        except ForbiddenError as error:
            _abort(context, grpc.StatusCode.PERMISSION_DENIED, str(error))


def peer_address(peer: str) -> str:
    """Of `ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234`; empty for a Unix socket."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")


def _authorization(context: grpc.ServicerContext) -> str:
    for name, value in context.invocation_metadata():
        if name == "authorization" and isinstance(value, str):
            return value
    return ""


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, detail: str) -> NoReturn:
    context.abort(code, detail)
    raise AssertionError(detail)  # grpc.ServicerContext.abort is not typed as one that never returns
