"""grpcio's own server for an engine that traces. A class of its own, so that the other one has nothing of this."""

import grpc

from extauth.serving.stock import StockTransport
from extauth.serving.tracing_hook import Told
from extauth.serving.transport import Handler, TransportOptions


class TracedStockTransport(StockTransport):
    """Tells each call's metadata on the thread that then decides."""

    def __init__(self, handler: Handler, options: TransportOptions, told: Told) -> None:
        super().__init__(handler, options)
        self._told = told

    def _answer(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        self._told(context.invocation_metadata())
        return super()._answer(message, context)
