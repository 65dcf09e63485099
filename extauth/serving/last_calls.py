"""The end of serving: calls under way come first."""

import time
from collections.abc import Callable

_LOOK = 0.005  # seconds between looks at the calls under way
_FLUSH = 0.05  # seconds for answers to reach their clients


def let_calls_end(are_under_way: Callable[[], bool], timeout: float, grace: float) -> None:
    """Wait for calls under way while new ones are served: for half of `grace` at most, and no longer than one takes.

    grpcio closes a connection as soon as its last call has ended, and a client that writes at that moment may lose the
    answer it was just sent. So calls end first, and then the server. `timeout` is that of a decision: under load there
    are always calls under way, but not those that were there at first.
    """
    until = time.monotonic() + min(timeout, grace / 2)
    while are_under_way() and time.monotonic() < until:
        time.sleep(_LOOK)
    time.sleep(min(_FLUSH, grace))
