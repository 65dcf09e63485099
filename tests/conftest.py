"""For all tests: grpcio reads its environment as it is imported, and finds it here as in the sidecar."""

import extauth.serving  # noqa: F401 (for what it does to the environment)
