"""The sidecar's outside: gRPC transport, health, admin port, lifecycle. Knows bytes and calls, nothing of policy."""

import os

# grpcio reads these once, when it is first imported, and all that imports it in the sidecar is in this package. What an
# operator has set stays.
#
# Without its listener the thread that waits for calls reads the sockets itself; with it another thread does, and hands
# over. 0.65 to 0.9 of the CPU a check, on either transport. A name that grpcio no longer knows costs a line in the log.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
# Below errors grpcio's lines, which are no JSON, tell of connections that come and go.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
