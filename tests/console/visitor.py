"""Somebody at the console: keeps the cookie, and sends forms as a browser does."""

import html
import re
from typing import Any

import httpx2

SIGN_IN = "/console/sign-in"


class Visitor:
    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def sign_in(self, token: str, **fields: str) -> httpx2.Response:
        return self.client.post(SIGN_IN, data={"token": token, **fields})

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.get(path, **more)

    def csrf(self) -> str:
        match = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get("/console/keys").text)
        assert match is not None
        return match[1]

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        return self.client.post(path, data={"csrf": self.csrf(), **fields}, headers=headers)


def secret_of(answer: httpx2.Response) -> str:
    match = re.search(r'value="(ea_[0-9A-Za-z_]+)"', answer.text)
    assert match is not None, answer.text
    return html.unescape(match[1])


def hidden(page: str, name: str) -> str:
    """What a hidden field of a form holds."""
    match = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert match is not None
    return html.unescape(match[1])
