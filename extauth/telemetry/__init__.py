"""Metrics and logs. No label ever comes from a client, and every label has a closed set of values."""
