"""What a client got."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names in lower case; trailers are among the headers."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The only value of a header; None when it is not there."""
        values = [value for found, value in self.headers if found == name]
        assert len(values) <= 1, f"{name} stands there twice: {values}"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str | None:
        """The `error` of a denial; None when the upstream answered, or Envoy itself."""
        if self.header("content-type") != "application/json" or not self.body:
            return None
        return str(self.json["error"]) if "error" in self.json else None

    @property
    def seen_by_upstream(self) -> Headers:
        return [(name, value) for name, value in self.json["headers"]]

    def upstream_header(self, name: str) -> list[str]:
        """All values in which the upstream got a header."""
        return [value for found, value in self.seen_by_upstream if found == name]


class Send(Protocol):
    """One request on a connection of its own."""

    def __call__(
        self, url: str, path: str = "/", headers: Headers = (), *, method: str = "GET", body: bytes = b""
    ) -> Answer: ...
