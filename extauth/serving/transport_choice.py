"""Which transport serves: the lean one if it works with the grpcio that is installed, else grpcio's own server."""

from typing import Literal

import grpc

from extauth.serving.lean_trial import fault_of_lean
from extauth.serving.stock import StockTransport
from extauth.serving.tracing_hook import Told
from extauth.serving.transport import Handler, Transport, TransportOptions
from extauth.telemetry.logs import logger

_log = logger(__name__)

TransportName = Literal["lean", "stock"]


def choose(
    wanted: TransportName, handler: Handler, options: TransportOptions, told: Told | None = None
) -> tuple[TransportName, Transport]:
    """The transport and its name; `stock` in place of `lean` when that fails its trial.

    `told` is for a handler that wants to know each call's metadata.
    """
    if wanted == "lean":
        fault = fault_of_lean()
        if fault is None:
            # Imported after the trial: the module itself may be what does not work.
            from extauth.serving.lean import LeanTransport  # noqa: PLC0415

            return "lean", LeanTransport(handler, options) if told is None else _traced_lean(handler, options, told)
        _log.warning("lean_transport_does_not_work_here", fault=fault, grpcio=grpc.__version__, used="stock")
    return "stock", StockTransport(handler, options) if told is None else _traced_stock(handler, options, told)


def _traced_lean(handler: Handler, options: TransportOptions, told: Told) -> Transport:
    from extauth.serving.traced_lean import TracedLeanTransport  # noqa: PLC0415 (as above)

    return TracedLeanTransport(handler, options, told)


def _traced_stock(handler: Handler, options: TransportOptions, told: Told) -> Transport:
    from extauth.serving.traced_stock import TracedStockTransport  # noqa: PLC0415 (few want it)

    return TracedStockTransport(handler, options, told)
