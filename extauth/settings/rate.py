"""A rate as whole numbers, so that counting by it is exact."""

from fractions import Fraction

MICROSECONDS = 1_000_000
LARGEST = 2**52
"""Most that a burst times a period may be: sums of two such numbers are exact in a double, which Lua counts in."""
_CLOSE = Fraction(1, 1_000_000)


def whole_numbers(amount: float, seconds: float, burst: int) -> tuple[int, int]:
    """So many tokens in so many microseconds, in lowest terms, for a bucket of `burst` tokens.

    The period is kept so short that `burst * period` is at most LARGEST, where need be by taking the nearest such rate.
    ValueError when that would be off by more than a millionth.
    """
    rate = Fraction(str(amount)) / (Fraction(seconds).limit_denominator(MICROSECONDS) * MICROSECONDS)
    nearest = rate.limit_denominator(max(LARGEST // burst, 1))
    if abs(nearest - rate) > rate * _CLOSE:
        most = LARGEST // rate.denominator
        remedy = f"use at most {most:,}" if most else "use a faster rate"
        raise ValueError(f"{burst:,} is too large for so slow a rate, which could not be kept exactly: {remedy}")
    return nearest.numerator, nearest.denominator
