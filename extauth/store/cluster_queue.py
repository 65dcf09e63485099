"""The queue of a sidecar on a Redis Cluster: one RedisQueue for each node that has slots, and the way to the right one.

So nodes do not wait for each other, each has batches and a circuit of its own, and one that is away fails what lies in
its slots and nothing else. A redirection moves the slot at once. Whatever else goes wrong with a node makes a thread
ask the Cluster who has which slots now; checks never wait for that.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.client import Pipeline
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError

from extauth.store.errors import CLIENT_ERRORS, RedirectedError, StoreUnavailableError
from extauth.store.lazy_cluster import LazyCluster
from extauth.store.queue import Need, RedisQueue
from extauth.telemetry.logs import logger
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_log = logger(__name__)

_PACE = 0.25  # seconds between two questions for the slots
_REDIRECTIONS = 5  # of one need; more are a circle
_OWN_FAULT = frozenset({"deadline", "overload", "redirected"})
"""Kinds of errors that say nothing new of the Cluster."""


class ClusterQueue:
    """Used like RedisQueue. Needs are answered one at a time, though by the threads of several nodes."""

    def __init__(
        self, client: LazyCluster, metrics: SidecarMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._cluster: Any = None  # a RedisCluster, much of which has no types
        self._queues: dict[str, RedisQueue] = {}
        self._early: list[_Routed] | None = []  # what waits until the Cluster has been looked for once
        self._lock = threading.Lock()
        self._answering = threading.RLock()  # what follows from an answer may fail at once, on the same thread
        self._is_lost = False
        self._doubt = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis-slots", daemon=True)

    def start(self) -> None:
        self._doubt.set()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Answer what waits, then end. `timeout` in seconds."""
        self._stopping.set()
        self._doubt.set()
        self._thread.join(timeout)
        self._send_early()
        with self._lock:
            queues, self._queues = self._queues, {}
        for queue in queues.values():
            queue.stop(timeout)
        self._client.close()

    def submit(self, need: Need) -> None:
        """Queue a need, or its parts, for the nodes that have them; what has none fails at once."""
        for slot, part in need.split(_slot_of, self.submit).items():
            routed = _Routed(self, part, slot)
            if self._early is None or not self._keep_early(routed):
                self._send(routed)

    def redirect(self, routed: "_Routed", answer: AskError) -> None:
        """Send a need to the node that another one named."""
        cluster = self._cluster
        if isinstance(answer, MovedError):
            cluster.nodes_manager.move_slot(answer)
            self._doubt.set()  # others may have moved as well
            self._send(routed)
        else:
            node = cluster.get_node(answer.host, answer.port)
            if node is None:  # it has joined a moment ago
                self._doubt.set()
                routed.give_up(StoreUnavailableError("cluster"))
            else:
                self._submit_to(cluster, node, _Asking(routed))

    def doubt(self) -> None:
        self.doubt_slots()
        for queue in list(self._queues.values()):
            queue.doubt()

    def doubt_slots(self) -> None:
        """They may be elsewhere by now."""
        self._doubt.set()

    @property
    def redis_is_away(self) -> bool:
        """Every node, that is: while others answer it depends on the slot."""
        if self._cluster is None:
            return self._early is None
        queues = list(self._queues.values())
        return bool(queues) and all(queue.redis_is_away for queue in queues)

    @property
    def waiting(self) -> int:
        return sum(queue.waiting for queue in list(self._queues.values()))

    def answer(self, give: Callable[[], None]) -> None:
        with self._answering:
            give()

    def _keep_early(self, routed: "_Routed") -> bool:
        with self._lock:
            if self._early is not None:
                self._early.append(routed)
            return self._early is not None

    def _send_early(self) -> None:
        with self._lock:
            early, self._early = self._early or [], None
        for routed in early:
            self._send(routed)

    def _send(self, routed: "_Routed") -> None:
        cluster = self._cluster
        owners = cluster.nodes_manager.slots_cache.get(routed.slot) if cluster else None
        if cluster is None or not owners:
            self._metrics.redis_errors.labels("cluster").inc()
            routed.fail(StoreUnavailableError("cluster"))
        else:
            self._submit_to(cluster, owners[0], routed)

    def _submit_to(self, cluster: RedisCluster, node: ClusterNode, need: Need) -> None:
        queue = self._queues.get(node.name) or self._begin(cluster, node)
        if queue is None:
            need.fail(StoreUnavailableError("connection"))
        else:
            queue.submit(need)

    def _begin(self, cluster: RedisCluster, node: ClusterNode) -> RedisQueue | None:
        """The queue of a node, made now unless another thread was faster; None once all of it is to end."""
        with self._lock:
            queue = self._queues.get(node.name)
            if queue is None and not self._stopping.is_set():
                queue = RedisQueue(cluster.get_redis_connection(node), self._metrics, self._clock)
                queue.start()
                self._queues[node.name] = queue
            return queue

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._doubt.wait()
            self._doubt.clear()
            if self._stopping.is_set():
                return
            try:
                self._look()
                self._is_lost = False
            except CLIENT_ERRORS as error:
                if not self._is_lost:
                    _log.warning("redis_cluster_not_found", error=str(error))
                self._is_lost = True
                self._doubt.set()
            self._send_early()
            self._stopping.wait(_PACE)

    def _look(self) -> None:
        """Ask the Cluster for its slots; forget nodes that have left it."""
        if self._cluster is None:
            self._cluster = self._client.found()
        else:
            self._cluster.nodes_manager.initialize()
        known = {node.name for node in self._cluster.get_nodes()}
        with self._lock:
            gone = [self._queues.pop(name) for name in list(self._queues) if name not in known]
        for queue in gone:
            queue.stop(timeout=1)


class _Routed:
    """A need on its way to the node of its slot."""

    def __init__(self, queue: ClusterQueue, need: Need, slot: int) -> None:
        self.deadline = need.deadline
        self.slot = slot
        self._queue = queue
        self._need = need
        self._redirections = 0

    def ask(self, pipeline: Pipeline) -> int:
        return self._need.ask(pipeline)

    def answer(self, replies: Sequence[Any]) -> None:
        self._queue.answer(lambda: self._need.answer(replies))

    def fail(self, error: StoreUnavailableError) -> None:
        if isinstance(error, RedirectedError) and self._redirections < _REDIRECTIONS:
            self._redirections += 1
            self._queue.redirect(self, error.answer)
            return
        if error.kind not in _OWN_FAULT:
            self._queue.doubt_slots()
        self.give_up(error)

    def give_up(self, error: StoreUnavailableError) -> None:
        self._queue.answer(lambda: self._need.fail(error))

    def split(self, _slot_of: object, _submit: object) -> "dict[int, Need]":
        return {self.slot: self}


class _Asking:
    """A need at a node that is taking its slot over: each command says that it knows."""

    def __init__(self, routed: _Routed) -> None:
        self.deadline = routed.deadline
        self._routed = routed

    def ask(self, pipeline: Pipeline) -> int:
        start = len(pipeline.command_stack)
        count = self._routed.ask(pipeline)
        commands = pipeline.command_stack[start:]
        del pipeline.command_stack[start:]
        for command in commands:
            pipeline.execute_command("ASKING")  # type: ignore[no-untyped-call] # in redis-py
            pipeline.command_stack.append(command)
        return 2 * count

    def answer(self, replies: Sequence[Any]) -> None:
        self._routed.answer(replies[1::2])

    def fail(self, error: StoreUnavailableError) -> None:
        self._routed.fail(error)

    def split(self, _slot_of: object, _submit: object) -> "dict[int, Need]":
        return {self._routed.slot: self}


def _slot_of(name: str) -> int:
    return key_slot(name.encode())
