"""Types of values that settings files share: durations, rates, addresses, secrets kept elsewhere."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from extauth.settings.model import Settings

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+)?\s*(ms|s|m|min|h|d)")
_TCP = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+|\*):(\d{1,5})")
_LARGEST_PORT = 65535
_LONGEST_SOCKET_PATH = 107  # bytes: sockaddr_un.sun_path without its final NUL


def _seconds(value: object) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration: use a number and a unit, such as 50ms, 5s, 10m, 12h or 30d")
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """In the largest unit of which it is a whole number."""
    for unit in ("d", "h", "m", "s"):
        if seconds and (seconds / _SECONDS[unit]).is_integer():
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


Duration = Annotated[
    float,
    BeforeValidator(lambda value: value if isinstance(value, float) else _seconds(value)),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["50ms", "5s", "10m", "30d"]}),
]
"""Seconds; in a file `50ms`, `5s`, `10m`, `12h`, `30d`."""


def parse_duration(text: str) -> float:
    """Seconds; ValueError that says how to write it."""
    return _seconds(text)


@dataclass(frozen=True, slots=True)
class RateValue:
    """So many requests in so many seconds."""

    amount: float
    period: float

    def __str__(self) -> str:
        return f"{self.amount:g}/{self.period:g}s"


def _rate(value: object) -> RateValue:
    if isinstance(value, RateValue):
        return value
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    amount, period = (float(match[1]), float(match[2] or 1) * _SECONDS[match[3]]) if match else (0.0, 0.0)
    if not (0 < amount < math.inf and 0 < period < math.inf):
        raise ValueError(f"{value!r} is not a rate: use requests over time, such as 10/s, 1000/min or 5000/12h")
    return RateValue(amount, period)


Rate = Annotated[
    RateValue,
    BeforeValidator(_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_RATE.pattern}$", "examples": ["10/s", "1000/min", "5000/12h"]}),
]
"""In a file `10/s`, `1000/min`, `5000/12h`."""


def parse_address(value: object) -> str:
    """The text of an Address; ValueError for anything else."""
    if isinstance(value, str):
        path = value.removeprefix("unix:")
        if path != value and path.startswith("/"):
            if len(path.encode()) > _LONGEST_SOCKET_PATH:
                raise ValueError(
                    f"the socket path has {len(path.encode())} bytes: use a path of at most {_LONGEST_SOCKET_PATH}"
                )
            return value
        match = _TCP.fullmatch(value)
        if match and int(match[2]) <= _LARGEST_PORT:
            return value
    raise ValueError(f"{value!r} is not an address: use host:port or unix:/absolute/path")


Address = Annotated[
    str,
    BeforeValidator(parse_address),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:9001", "unix:/run/extauth/extauth.sock"]}),
]


def _tcp_address(value: str) -> str:
    if value.startswith("unix:"):
        raise ValueError(f"{value!r} is a unix socket: use host:port")
    return value


TcpAddress = Annotated[Address, AfterValidator(_tcp_address)]
"""host:port; `*` as host means every interface."""


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of a TcpAddress, as `socket` wants them."""
    host, _, port = address.rpartition(":")
    return ("0.0.0.0" if host == "*" else host.strip("[]")), int(port)  # noqa: S104 (asked for by "*")


class SecretError(ValueError):
    """A secret that cannot be read; the text names the place, never the value."""


class SecretReference(Settings):
    """Where a secret is kept: an environment variable or a file. Never the secret itself."""

    env: str | None = Field(default=None, min_length=1)
    """Name of an environment variable."""
    file: Path | None = None
    """Path of a file; one newline at its end is dropped."""

    @model_validator(mode="after")
    def _one_place(self) -> "SecretReference":
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is kept in one place: use either env or file")
        return self

    def read(self) -> str:
        """Raise SecretError when it is not there or empty."""
        if self.file is not None:
            try:
                text = self.file.read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise SecretError(f"secret file {self.file} cannot be read: {type(error).__name__}") from None
            place = f"secret file {self.file}"
        else:
            text, place = os.environ.get(str(self.env), ""), f"environment variable {self.env}"
        if not text:
            raise SecretError(f"{place} is empty or not set")
        return text
