"""What grpcio is told of a server, of either transport. Each option is here for an effect that a test shows."""

from extauth.serving.sockets import Claim
from extauth.serving.transport import TransportOptions

_OPTIONS = (
    # Most calls under way on one connection. A client that opens and resets streams as fast as it can made 50,000 of
    # them cost 400 MB, and calls of others were cancelled; with the limit they cost 30 MB. Envoy has no more than 1,024
    # requests under way by default, and opens another connection when one is full.
    ("grpc.max_concurrent_streams", 1000),
    # Calls that may have come in and not yet been taken up: beyond the first number some are cancelled, beyond the
    # second all. By default that is 1,000 and 3,000, and a burst of several Envoys was cut down to a third.
    ("grpc.server.max_pending_requests", 4000),
    ("grpc.server.max_pending_requests_hard_limit", 8000),
    # What may be sent ahead on a stream stays at 64 KiB; guessing at the bandwidth it grows to 16 MiB.
    ("grpc.http2.bdp_probe", 0),
    # Pings never count as abuse: the default closes the connection of an Envoy with connection_keepalive.
    ("grpc.http2.max_ping_strikes", 0),
    # Ping a connection that is silent for a minute, calls or no calls; one that does not answer within another minute
    # is closed. Without it the socket of a peer that lost its power stays open for two hours.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Close a connection that has not begun to speak HTTP/2 by then; the default is two minutes.
    ("grpc.server_handshake_timeout_ms", 10_000),
)


def channel_options(options: TransportOptions) -> tuple[tuple[str, int], ...]:
    """For a server that listens as `options` say."""
    return (
        *_OPTIONS,
        # Without it a second process on the same port is an error, and not a silent half of the traffic.
        ("grpc.so_reuseport", int(options.claim is not Claim.ALONE)),
        ("grpc.max_receive_message_length", options.max_message_size),
    )
