"""docs/getting-started.md with Envoy Gateway, command by command, in a real cluster."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_envoy_gateway(told: str) -> None:
    """The commands say themselves what they must print."""
    assert "gateway.gateway.networking.k8s.io/api condition met" in told
    assert "Warning" not in told  # of a pod that would not be `restricted`, a field that nobody knows
