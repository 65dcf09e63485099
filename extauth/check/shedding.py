"""The answers to checks that are not made, for want of time or of room."""

from collections.abc import Mapping
from enum import StrEnum

from extauth.check.denial import Denials
from extauth.check.tally import NO_API
from extauth.policy.errors import PLACEHOLDERS, ErrorTemplate
from extauth.policy.reasons import Reason
from extauth.telemetry.cells import lock
from extauth.telemetry.sidecar_metrics import SidecarMetrics

_GRPC = b"application/grpc"
_OF_A_REQUEST = PLACEHOLDERS - {"reason", "message", "status"}


class Shed(StrEnum):
    """Why a check is not made. The value is the metric label."""

    LATE = "late"
    """Its caller was about to give up when its turn came."""
    FULL = "full"
    """It would have to wait for Redis or an authorization server, as too many do already."""


class Shedding:
    """Written ahead, and without a look at the request: reading it is most of the work that is to be saved.

    So what they say is that of `templates`, never of an API, and there is no line in the log. Whether a request is a
    gRPC call is guessed from its bytes: nothing follows from that but the form of the answer.
    """

    def __init__(self, templates: Mapping[str, ErrorTemplate], metrics: SidecarMetrics) -> None:
        denials = Denials(NO_API, templates=[templates])
        unknown = dict.fromkeys(_OF_A_REQUEST, "")
        self._plain, self._grpc = (
            denials.write(Reason.OVERLOADED, grpc=grpc, values=unknown) for grpc in (False, True)
        )
        self._checks = metrics.checks.labels(NO_API, Reason.OVERLOADED.value)
        self._causes = {cause: metrics.checks_shed.labels(cause.value) for cause in Shed}

    def answer(self, message: bytes, cause: Shed) -> bytes:
        """A serialised CheckResponse, with which the check is counted."""
        shed = self._causes[cause]
        with lock:
            self._checks.value += 1
            shed.value += 1
        return self._grpc if _GRPC in message else self._plain
