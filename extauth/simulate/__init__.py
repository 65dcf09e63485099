"""Limits tried on a log of arrivals: what they would have refused, by the arithmetic that Redis does."""
