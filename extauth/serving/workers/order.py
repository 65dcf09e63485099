"""What a worker is told when it begins."""

from dataclasses import asdict, dataclass

from extauth.serving.sockets import Claim
from extauth.serving.workers.control import Message


@dataclass(frozen=True, slots=True)
class Order:
    """The first message on a worker's control pair."""

    worker: int
    addresses: tuple[str, ...]
    path: str
    """Of the settings' file, for messages."""
    text: str
    """Its content, which the supervisor has found good."""
    claim: Claim
    warm_up: float
    """Seconds that it may take to become ready before it listens. After that a successor gives up, and any other one
    listens all the same."""

    def to_message(self) -> Message:
        return {**asdict(self), "claim": self.claim.value}

    @classmethod
    def from_message(cls, message: Message) -> "Order":
        changed = {"claim": Claim(message["claim"]), "addresses": tuple(message["addresses"])}
        return cls(**{**message, **changed})
