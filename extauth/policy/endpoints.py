"""Where the workers of a sidecar listen, and where Envoy finds them.

Each worker has a unix socket of its own, which Envoy balances over; a TCP port is shared by all of them.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

_UNIX = "unix:"


def worker_address(address: str, worker: int, workers: int) -> str:
    """`unix:/run/extauth.sock` is `unix:/run/extauth-1.sock` for worker 1 of several; a TCP address stays as it is."""
    if workers == 1 or not address.startswith(_UNIX):
        return address
    path = PurePosixPath(address.removeprefix(_UNIX))
    return f"{_UNIX}{path.with_stem(f'{path.stem}-{worker}')}"


def endpoints(addresses: Iterable[str], workers: int) -> tuple[str, ...]:
    """Each address at which the workers can be asked, once."""
    found = (worker_address(address, worker, workers) for address in addresses for worker in range(workers))
    return tuple(dict.fromkeys(found))
