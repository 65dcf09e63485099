"""The lean transport for an engine that traces. A class of its own, so that the other one has nothing of this."""

from extauth.serving.call import Call
from extauth.serving.envoy_secret import Metadata
from extauth.serving.lean import LeanTransport
from extauth.serving.tracing_hook import Told
from extauth.serving.transport import Handler, TransportOptions


class TracedLeanTransport(LeanTransport):
    """Tells each call's metadata on the thread that then decides."""

    def __init__(self, handler: Handler, options: TransportOptions, told: Told) -> None:
        super().__init__(handler, options)
        self._told = told

    def _decide(self, call: Call, message: bytes | None) -> None:
        metadata: Metadata = call.metadata
        self._told(metadata)
        super()._decide(call, message)
