"""Benchmarks: `make bench`. They print numbers and assert nothing about time."""
