"""How long a decision may take."""

MARGIN = 0.02
"""Seconds kept for the way back to Envoy."""
LEAST = 0.01
"""Seconds; with less than that to decide in, an answer would come too late, and cost those behind it their time."""
LEAST_SHARE = 0.25
"""Of our own timeout, where that is so short that LEAST would leave nothing of it."""
_LARGEST_SHARE = 0.25  # of a wait so short that the margin would leave nothing of it


def time_to_decide(remaining: float | None, timeout: float) -> float:
    """Seconds, of those that `remaining` until the caller gives up: None when it waits forever."""
    if remaining is None:
        return timeout
    return min(timeout, remaining - min(MARGIN, max(remaining, 0) * _LARGEST_SHARE))
