"""What grpcio reads from the environment: once, when it is first imported."""

import os
from collections.abc import Iterable

_OWN_READER = "-event_engine_listener"


def prepare_grpc(addresses: Iterable[str]) -> None:
    """To be called before anything imports grpc, with the addresses to listen on. What an operator has set stays."""
    # Below errors grpcio's lines, which are no JSON, tell of connections that come and go.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # Without grpcio's listener the thread that waits for calls reads the sockets itself; with it another thread does,
    # and hands over. 0.65 to 0.8 of the CPU a check on the lean transport, 0.85 on the stock one. Not for TCP: there a
    # client that is killed may leave its connection open on our side, and calls of others waiting for seconds. A name
    # that grpcio no longer knows costs a line in the log.
    if all(address.startswith("unix:") for address in addresses):
        os.environ.setdefault("GRPC_EXPERIMENTS", _OWN_READER)
