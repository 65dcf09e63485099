"""Every transport, under the name by which it is chosen."""

from collections.abc import Callable, Mapping
from typing import Any

from extauth.serving.lean import LeanTransport
from extauth.serving.stock import StockTransport
from extauth.serving.transport import Handler, Transport, TransportOptions

TRANSPORTS: Mapping[str, Callable[[Handler, TransportOptions], Transport]] = {
    "stock": StockTransport,
    "lean": LeanTransport,
}
LARGEST_MESSAGE = 10_000


def make_transport(name: str, handler: Handler, *addresses: str, **options: Any) -> Transport:
    """With options fit for a test, unless others are given."""
    fit: dict[str, Any] = {"socket_mode": 0o600, "timeout": 1.0, "max_message_size": LARGEST_MESSAGE, "threads": 4}
    fit["max_pending"] = 10_000
    return TRANSPORTS[name](handler, TransportOptions(addresses, **{**fit, **options}))
