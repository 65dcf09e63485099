"""What carries Checks: the contract between a gRPC server and the decision."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from extauth.check.shedding import Shed
from extauth.serving.envoy_secret import EnvoySecret
from extauth.serving.sockets import Claim
from extauth.tls.certificate import ServerCertificate

CHECK_SERVICE = "envoy.service.auth.v3.Authorization"
CHECK_METHOD = "Check"


class PendingAnswer(Protocol):
    """An answer that is being made elsewhere."""

    def then(self, deliver: Callable[[bytes], None]) -> None:
        """Begin; `deliver` gets the answer, at most once, perhaps on another thread."""
        ...

    def expire(self) -> bytes | None:
        """End it now: the answer to send, or None when `deliver` has it already."""
        ...


class Handler(Protocol):
    """Bytes in, bytes out; never raises for what a client sent."""

    def decide(self, message: bytes, deadline: float) -> "bytes | PendingAnswer":
        """Answer a serialised CheckRequest by `deadline` (monotonic seconds)."""
        ...

    def unavailable(self, message: bytes) -> bytes:
        """The answer when something of ours went wrong."""
        ...

    def overloaded(self, message: bytes, cause: Shed) -> bytes:
        """The answer, at once, to a check that is not made."""
        ...

    def untrusted(self, message: bytes) -> bytes:
        """The answer to whoever has not the secret of `TransportOptions`."""
        ...


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """Times in seconds, sizes in bytes."""

    addresses: tuple[str, ...]
    socket_mode: int
    timeout: float
    max_message_size: int
    threads: int
    max_pending: int = 2_000
    """Checks that may wait at the same time."""
    claim: Claim = Claim.ALONE
    tls: ServerCertificate | None = None
    """For TCP addresses; unix sockets are guarded by their mode."""
    secret: EnvoySecret | None = None
    """What a call must bring to be decided."""


class Transport(Protocol):
    """A gRPC server for Check, with health and reflection beside it."""

    def start(self) -> dict[str, str]:
        """Bind and serve; for each address asked for, the one bound (a port 0 becomes a real one)."""
        ...

    @property
    def waiting(self) -> int:
        """Checks whose answer is being made."""
        ...

    def drain(self) -> None:
        """Tell health watchers to go elsewhere; go on serving."""
        ...

    def stop(self, grace: float) -> None:
        """Refuse new calls, let those under way end within `grace` seconds, close the sockets."""
        ...
