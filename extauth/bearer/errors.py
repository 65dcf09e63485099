"""What can go wrong with an issuer, in words of our own. None of it is a client's fault."""

from typing import Literal, get_args

ErrorKind = Literal[
    "connection",  # refused, reset, no such host
    "timeout",
    "tls",  # a certificate that is not trusted, or a CA file that cannot be used
    "refused",  # a status of 400 to 499: the server is there, and will not do it
    "status",  # another status than 200, a redirect among them
    "too_large",
    "reply",  # a document that makes no sense, or holds no key that can be used
    "file",  # keys on disk that cannot be read
    "deadline",  # nobody was free to ask in time
    "overload",  # too many wait already
    "circuit",  # left alone for a moment after a failure
]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)


class IssuerUnavailableError(Exception):
    """An issuer did not answer, or with nothing that can be used. `kind` is a metric label."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
