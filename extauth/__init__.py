"""API keys for Envoy."""
