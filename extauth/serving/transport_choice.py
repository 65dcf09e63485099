"""Which transport serves: the lean one if it works with the grpcio that is installed, else grpcio's own server."""

import tempfile
from typing import Literal

import grpc

from extauth.serving.stock import StockTransport
from extauth.serving.transport import CHECK_METHOD, CHECK_SERVICE, Handler, Transport, TransportOptions
from extauth.telemetry.logs import logger

_log = logger(__name__)
_PATIENCE = 2.0  # seconds for a call that takes less than a millisecond
_PROBE = b"are you there?"

TransportName = Literal["lean", "stock"]


def choose(wanted: TransportName, handler: Handler, options: TransportOptions) -> tuple[TransportName, Transport]:
    """The transport and its name; `stock` in place of `lean` when that fails its trial."""
    if wanted == "lean":
        fault = _fault_of_lean(options)
        if fault is None:
            # Imported after the trial: the module itself may be what does not work.
            from extauth.serving.lean import LeanTransport  # noqa: PLC0415

            return "lean", LeanTransport(handler, options)
        _log.warning("lean_transport_does_not_work_here", fault=fault, grpcio=grpc.__version__, used="stock")
    return "stock", StockTransport(handler, options)


class _Echo:
    """The handler of the trial."""

    def decide(self, message: bytes, deadline: float) -> bytes:  # noqa: ARG002 (the handler's contract)
        return message

    def unavailable(self, message: bytes) -> bytes:
        return message


def _fault_of_lean(options: TransportOptions) -> str | None:
    """Serve one real call on a socket of our own; what went wrong, or None."""
    with tempfile.TemporaryDirectory(prefix="extauth-") as folder:
        address = f"unix:{folder}/trial.sock"
        trial = TransportOptions((address,), 0o600, options.timeout, options.max_message_size, threads=1)
        try:
            from extauth.serving.lean import LeanTransport  # noqa: PLC0415 (see above)

            transport = LeanTransport(_Echo(), trial)
            transport.start()
            with grpc.insecure_channel(address) as channel:
                check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                    f"/{CHECK_SERVICE}/{CHECK_METHOD}"
                )
                answer = check(_PROBE, timeout=_PATIENCE, wait_for_ready=True)
            transport.stop(0)
        except Exception as error:  # noqa: BLE001 (whatever a private API may have turned into)
            return f"{type(error).__name__}: {error}"
    return None if answer == _PROBE else "a call got another's answer"
