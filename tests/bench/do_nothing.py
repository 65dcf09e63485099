"""`python -m tests.bench.do_nothing TRANSPORT SOCKET`: a server that allows every request without reading it.

What it costs is the transport's own share of a check.
"""

import sys

from extauth.check import answer
from extauth.cli.stopping import stop_requested
from extauth.serving.transport import TransportOptions
from extauth.serving.transport_choice import choose

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

    def overloaded(self, message: bytes, cause: str) -> bytes:
        return _ANSWER

    def unavailable(self, message: bytes) -> bytes:
        return _ANSWER


def main() -> None:
    stopping = stop_requested()
    wanted, path = sys.argv[1:]
    # The rest as `extauth serve` has it by default.
    options = TransportOptions((f"unix:{path}",), 0o600, timeout=0.15, max_message_size=1_048_576, threads=16)
    name, transport = choose(wanted, AllowAll(), options)
    assert name == wanted, f"{wanted} does not work here"
    transport.start()
    stopping.wait()
    transport.stop(1)


if __name__ == "__main__":
    main()
