"""The five platforms, each with its preset as it is: what their documents say of requests, errors and limits."""
