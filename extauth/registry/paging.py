"""Cursors: where a list of things, newest first, goes on. Their text means something to the registry only."""

import base64
import binascii
import re

from extauth.registry.errors import FieldProblem, InvalidError

_POSITION = re.compile(r"([0-9]{1,15}) ((?:tr_)?[0-9A-Za-z]{12})")


def cursor_of(created_at: int, row_id: str) -> str:
    """The cursor of what comes after this row."""
    return encode(f"{created_at} {row_id}")


def position_of(cursor: str) -> tuple[int, str]:
    """Unix milliseconds and id that `cursor_of` was given; InvalidError."""
    match = _POSITION.fullmatch(decode(cursor))
    if match is None:
        raise strange_cursor()
    return int(match[1]), match[2]


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """The text that `encode` was given; InvalidError."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise strange_cursor() from None


def strange_cursor() -> InvalidError:
    return InvalidError([FieldProblem("cursor", "was not made here", "use next_cursor of the page before")])
