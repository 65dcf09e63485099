"""A signed token taken apart: JWS compact serialization (RFC 7515, 3.1), read strictly and without trusting it yet.

Strictly: no padding, no other alphabet, no stray bits, so that a token has one spelling; and no JSON object with two
members of one name, so that nobody can read another value than is read here.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")


@dataclass(frozen=True, slots=True, repr=False)
class SignedToken:
    """The parts of a token. `signed` is what the signature is over; none of it is verified."""

    header: dict[str, Any]
    members: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(token: str) -> SignedToken | None:
    """None for anything but three parts, so for an encrypted token (JWE, five parts). The signature may be empty."""
    match = _COMPACT.fullmatch(token)
    if match is None:
        return None
    try:
        header, members = _object(match[1]), _object(match[2])
        signature = _decode(match[3])
    except (ValueError, RecursionError):
        return None
    return SignedToken(header, members, token[: match.end(2)].encode("ascii"), signature)


def _object(segment: str) -> dict[str, Any]:
    value = json.loads(_decode(segment).decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (the one error of this file)
    return value


def _decode(segment: str) -> bytes:
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode("ascii"):
        raise ValueError("base64url with bits that mean nothing")
    return decoded


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two members of one name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
