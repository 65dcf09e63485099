"""How often one address may present tokens that are not valid, so that nobody can guess at leisure."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 20
"""So many failures at once."""
INTERVAL = 1.0
"""Seconds until one of them is forgiven."""
MAX_ADDRESSES = 10_000


class FailureLimit:
    """A bucket of failures for each address, in the memory of this process. `clock` in seconds, never going back.

    An address over its limit is refused whatever it presents: else the limit would not keep it from guessing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_addresses: int = MAX_ADDRESSES) -> None:
        self._clock = clock
        self._max_addresses = max_addresses
        self._lock = threading.Lock()
        self._forgiven_at: OrderedDict[str, float] = OrderedDict()  # when all failures of an address are forgiven

    def wait_for(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        with self._lock:
            ahead = self._forgiven_at.get(address, 0.0) - self._clock()
        return max(0.0, ahead - (BURST - 1) * INTERVAL)

    def note(self, address: str) -> None:
        """Count a failure. The address that failed longest ago is forgotten when there are too many."""
        with self._lock:
            now = self._clock()
            self._forgiven_at[address] = max(self._forgiven_at.get(address, 0.0), now) + INTERVAL
            self._forgiven_at.move_to_end(address)
            while len(self._forgiven_at) > self._max_addresses:
                self._forgiven_at.popitem(last=False)
