"""The sidecar's outside: gRPC transport, health, admin port, lifecycle. Knows bytes and calls, nothing of policy."""
