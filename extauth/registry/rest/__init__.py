"""The REST API under /v1: bodies, problems (RFC 9457), the guard at its door and the routes."""
