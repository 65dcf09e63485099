"""KeyRegistry.WatchKeys: the history of the keys as a stream that can be taken up again where it broke off.

Each watcher holds a thread and asks for the head of the history several times a second: that is one row, and it works
across processes and databases. The number of watchers is bounded for it.
"""

import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import grpc

from extauth.keys.change import KeyChange
from extauth.keys.record import Version
from extauth.registry.errors import UnavailableError
from extauth.registry.grpc_guard import GrpcGuard
from extauth.registry.history import History
from extauth.registry.metrics import RegistryMetrics
from extauth.wire.registry.v1 import registry_pb2

SERVICE = registry_pb2.DESCRIPTOR.services_by_name["KeyRegistry"].full_name
MAX_WATCHERS = 16
BOOKMARK_INTERVAL = 1.0
"""Seconds of silence after which a bookmark tells that the stream lives."""
_BATCH = 500


class WatchKeys:
    """Serves all watchers of one registry. `poll_interval` is in seconds."""

    def __init__(
        self,
        history: History,
        guard: GrpcGuard,
        poll_interval: float,
        metrics: RegistryMetrics,
        max_watchers: int = MAX_WATCHERS,
    ) -> None:
        self._history = history
        self._guard = guard
        self._poll_interval = poll_interval
        self._metrics = metrics
        self._max_watchers = max_watchers
        self._lock = threading.Lock()
        self._ended: set[threading.Event] = set()  # one of each watcher; set when it has to end
        self._closing = False

    def handler(self) -> grpc.GenericRpcHandler:
        method = grpc.unary_stream_rpc_method_handler(
            self.watch,
            request_deserializer=registry_pb2.WatchKeysRequest.FromString,
            response_serializer=registry_pb2.KeyChange.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"WatchKeys": method})

    def close(self) -> None:
        """End every watcher with UNAVAILABLE, and refuse new ones; clients come back to another replica or later."""
        with self._lock:
            self._closing = True
            for ended in self._ended:
                ended.set()

    def watch(
        self, request: registry_pb2.WatchKeysRequest, context: grpc.ServicerContext
    ) -> Iterator[registry_pb2.KeyChange]:
        """Yield what happened after the request's revision, for as long as the client listens."""
        try:
            self._guard.admit(context)
            ended = self._enter(context)
            seen = self._begin(request, context)
            yield from self._follow(seen, ended, context)
        except UnavailableError as error:
            _abort(context, grpc.StatusCode.UNAVAILABLE, str(error))
        if self._closing:
            _abort(context, grpc.StatusCode.UNAVAILABLE, "the registry stops: watch again from the last revision")

    def _enter(self, context: grpc.ServicerContext) -> threading.Event:
        """Take a seat, which is given back when the call ends, however it ends."""
        ended = threading.Event()
        with self._lock:
            if self._closing:
                ended.set()
            full = len(self._ended) >= self._max_watchers
            if not full:
                self._ended.add(ended)
                self._metrics.watchers.set(len(self._ended))
        if full:
            _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._max_watchers} watchers are the most")
        if not context.add_callback(lambda: self._leave(ended)):
            self._leave(ended)  # the call was over before it began
        return ended

    def _leave(self, ended: threading.Event) -> None:
        with self._lock:
            self._ended.discard(ended)
            self._metrics.watchers.set(len(self._ended))
        ended.set()

    def _begin(self, request: registry_pb2.WatchKeysRequest, context: grpc.ServicerContext) -> Version:
        head = self._history.head()
        from_start = request.from_revision == 0 and request.epoch == 0
        if not from_start and request.epoch != head.epoch:
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"the epoch is {head.epoch}: begin again from 0")
        if request.from_revision > head.revision:
            detail = f"the last revision is {head.revision}: begin again from 0"
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, detail)
        return Version(head.epoch, request.from_revision)

    def _follow(
        self, seen: Version, ended: threading.Event, context: grpc.ServicerContext
    ) -> Iterator[registry_pb2.KeyChange]:
        epoch, revision = seen
        bookmark_due = check_due = time.monotonic() + BOOKMARK_INTERVAL
        while not ended.is_set():
            if time.monotonic() >= check_due:
                self._guard.admit(context)  # the token may have been revoked meanwhile
                check_due = time.monotonic() + BOOKMARK_INTERVAL
            head = self._history.head()
            if head.epoch != epoch:
                _abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"the epoch is now {head.epoch}")
            if head.revision < revision:  # the database was restored, and its new epoch is still to come
                _abort(context, grpc.StatusCode.FAILED_PRECONDITION, f"the last revision is now {head.revision}")
            if head.revision > revision:
                for change in self._history.changes_after(revision, _BATCH):
                    yield _message(change, epoch)
                    revision = change.revision
            elif time.monotonic() >= bookmark_due:
                yield registry_pb2.KeyChange(revision=revision, epoch=epoch, committed_at=0)
            else:
                ended.wait(self._poll_interval)
                continue
            bookmark_due = time.monotonic() + BOOKMARK_INTERVAL


def _message(change: KeyChange, epoch: int) -> registry_pb2.KeyChange:
    return registry_pb2.KeyChange(
        revision=change.revision, epoch=epoch, committed_at=change.committed_at, record=change.record.to_message()
    )


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, detail: str) -> NoReturn:
    """End the call by the exception that grpc raises here."""
    context.abort(code, detail)
    raise AssertionError(detail)  # grpc.ServicerContext.abort is not typed as one that never returns
