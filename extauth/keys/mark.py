"""What stands for a bearer token, or for all tokens of a subject, where keys have their text.

Its digest under a pepper names a record that says whether the token has been revoked. So a revocation of a token
travels and is remembered just like that of a key, and neither token nor subject is stored in the clear.
"""

from typing import Literal

Claim = Literal["jti", "sub"]
"""The claim of RFC 7519 that is meant: one token, or one subject."""


def mark(issuer: str, claim: Claim, value: str) -> str:
    """The text to digest. No key looks like it: it begins with a control character."""
    return f"\0token\0{len(issuer)}\0{issuer}\0{claim}\0{value}"


def is_marked(text: str) -> bool:
    """Whether `mark` may have made it, so that it is no key, whatever is recorded under its digest."""
    return text.startswith("\0")
