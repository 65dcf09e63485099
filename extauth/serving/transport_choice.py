"""Which transport serves: the lean one if it works with the grpcio that is installed, else grpcio's own server."""

from typing import Literal

import grpc

from extauth.serving.lean_trial import fault_of_lean
from extauth.serving.stock import StockTransport
from extauth.serving.transport import Handler, Transport, TransportOptions
from extauth.telemetry.logs import logger

_log = logger(__name__)

TransportName = Literal["lean", "stock"]


def choose(wanted: TransportName, handler: Handler, options: TransportOptions) -> tuple[TransportName, Transport]:
    """The transport and its name; `stock` in place of `lean` when that fails its trial."""
    if wanted == "lean":
        fault = fault_of_lean()
        if fault is None:
            # Imported after the trial: the module itself may be what does not work.
            from extauth.serving.lean import LeanTransport  # noqa: PLC0415

            return "lean", LeanTransport(handler, options)
        _log.warning("lean_transport_does_not_work_here", fault=fault, grpcio=grpc.__version__, used="stock")
    return "stock", StockTransport(handler, options)
