"""Addresses of pages, with what was asked for in them."""

from collections.abc import Mapping
from urllib.parse import urlencode


def address(path: str, asked: Mapping[str, str], **more: str) -> str:
    """`path` with a query of all values that are not empty; `more` goes before `asked`."""
    query = urlencode({name: value for name, value in {**asked, **more}.items() if value})
    return f"{path}?{query}" if query else path
