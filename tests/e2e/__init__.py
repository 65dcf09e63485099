"""Whole requests through a real Envoy, with a real sidecar, registry, Redis and upstream behind it."""
