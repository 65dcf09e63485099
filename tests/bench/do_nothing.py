"""`python -m tests.bench.do_nothing TRANSPORT SOCKET`: a server that allows every request without reading it.

What it costs is the transport's own share of a check.
"""

import sys

from extauth.check import answer
from extauth.cli.stopping import stop_requested
from extauth.serving.lean import LeanTransport
from extauth.serving.stock import StockTransport
from extauth.serving.transport import Transport, TransportOptions

_TRANSPORTS: dict[str, type[LeanTransport | StockTransport]] = {"lean": LeanTransport, "stock": StockTransport}
_ANSWER = answer.allow(
    [
        ("x-auth-key-id", "k0000000000001"),
        ("x-auth-tenant", "tenant-1"),
        ("x-auth-name", "key 1"),
        ("x-auth-scopes", "read write"),
        ("x-auth-plan", "gold"),
        ("x-auth-more", "one"),
    ],
    ["x-api-key"],
)


class AllowAll:
    """A transport's handler."""

    def decide(self, message: bytes, deadline: float) -> bytes:
        return _ANSWER

    def unavailable(self, message: bytes) -> bytes:
        return _ANSWER


def make(transport: str, address: str, threads: int = 16) -> Transport:
    """With the options that `extauth serve` has by default."""
    options = TransportOptions((address,), 0o600, timeout=0.15, max_message_size=1_048_576, threads=threads)
    return _TRANSPORTS[transport](AllowAll(), options)


def main() -> None:
    stopping = stop_requested()
    transport = make(sys.argv[1], f"unix:{sys.argv[2]}")
    transport.start()
    stopping.wait()
    transport.stop(1)


if __name__ == "__main__":
    main()
