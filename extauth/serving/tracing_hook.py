"""What a transport that is traced tells its engine."""

from collections.abc import Callable

from extauth.serving.envoy_secret import Metadata

Told = Callable[[Metadata], None]
"""Called with a call's metadata on the thread on which `decide` then is."""
