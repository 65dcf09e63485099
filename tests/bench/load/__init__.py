"""A load generator for loopback: HTTP/2 without TLS, one thread, frames made ahead.

It shares the machine with what it measures, so it spends as little as Python can: about 10 µs of CPU a request.
"""
