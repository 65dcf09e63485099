"""A worker: a sidecar whose settings, addresses and orders come from the supervisor. Runs in a process of its own."""

import json
import os
import signal
import socket
import threading
import time

from extauth.policy.endpoints import worker_address
from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.reload import with_policy_of
from extauth.serving.sidecar import Sidecar
from extauth.serving.sockets import BindError, Claim
from extauth.serving.workers.control import Control, Message
from extauth.serving.workers.order import Order
from extauth.settings.model import validate
from extauth.settings.source import Source
from extauth.settings.values import SecretError
from extauth.telemetry.families import families_as_json
from extauth.telemetry.logs import configure, logger
from extauth.tls.material import TlsError

_log = logger(__name__)
_LOOK = 0.02  # seconds between looks at what is not warm yet


def run(descriptor: int) -> int:
    """Serve until told to stop, by the supervisor or by SIGTERM; the process's exit status."""
    control = Control(socket.socket(fileno=descriptor))
    message = control.receive()
    if message is None:
        return 1
    order = Order.from_message(message)
    settings = validate(SidecarSettings, Source(order.text, order.path))
    configure(settings.log, worker=order.worker)
    try:
        return _Worker(control, order, settings).run()
    except (SecretError, MissingExtraError, TlsError, BindError) as error:
        control.send({"problem": str(error)})
        return 1


class _Worker:
    def __init__(self, control: Control, order: Order, settings: SidecarSettings) -> None:
        listen = settings.listen.model_copy(update={"grpc": order.addresses})
        addresses = [worker_address(address, order.worker, settings.workers) for address in settings.http.listen]
        http = settings.http.model_copy(update={"listen": tuple(addresses)})
        self._control = control
        self._order = order
        self._settings = settings.model_copy(update={"listen": listen, "http": http})
        self._sidecar = Sidecar(self._settings, order.claim)
        self._stopping = threading.Event()

    def run(self) -> int:
        for target in (self._obey, self._await_signal):
            threading.Thread(target=target, name=target.__name__.strip("_"), daemon=True).start()
        self._sidecar.prepare()
        if not self._is_warm_in_time() and self._order.claim is Claim.SUCCEEDING:
            self._control.send({"problem": "it did not become ready"})
            return 1
        self._control.send({"serving": self._sidecar.listen()})
        self._stopping.wait()
        self._sidecar.stop()
        self._send_families({})
        return 0

    def _is_warm_in_time(self) -> bool:
        deadline = time.monotonic() + self._order.warm_up
        while not self._sidecar.is_warm and time.monotonic() < deadline and not self._stopping.is_set():
            time.sleep(_LOOK)
        return self._sidecar.is_warm

    def _await_signal(self) -> None:
        """SIGTERM is blocked in all threads, and so waits for this one."""
        signal.sigwait({signal.SIGTERM})
        self._stopping.set()

    def _obey(self) -> None:
        acts = {"report": self._report, "families": self._send_families, "policy": self._policy, "stop": self._stop}
        while (message := self._control.receive()) is not None:
            acts[message["do"]](message)
        os._exit(1)  # the supervisor is gone

    def _report(self, message: Message) -> None:
        self._control.send({"id": message["id"], "report": self._report_now()})

    def _send_families(self, message: Message) -> None:
        families = families_as_json(self._sidecar.registry)
        head = json.dumps({"id": message.get("id"), "report": self._report_now()}).encode()
        self._control.send_line(head[:-1] + b', "families": ' + families + b"}")

    def _report_now(self) -> Message:
        report = self._sidecar.components.report()
        return {"ready": report.ready, "components": dict(report.components)}

    def _policy(self, message: Message) -> None:
        problem = None
        try:
            changed = validate(SidecarSettings, Source(message["text"], self._order.path))
            self._sidecar.apply(with_policy_of(self._settings, changed))
        except Exception as error:  # noqa: BLE001 (whatever it is, this worker goes on with the policy that it has)
            _log.exception("policy_failed")
            problem = f"worker {self._order.worker}: {type(error).__name__}"
        self._control.send({"id": message["id"], "refused": problem})

    def _stop(self, _message: Message) -> None:
        self._stopping.set()
