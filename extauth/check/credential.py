"""Finding the key in a request."""

from collections.abc import Sequence

from extauth.check.request import Request
from extauth.policy.reasons import Reason
from extauth.policy.schema import CredentialSource

MAX_LENGTH = 256  # characters; longer than any key with the longest prefix


class CredentialFinder:
    """Looks in all places of one API, so that a key in two places is noticed."""

    def __init__(self, sources: Sequence[CredentialSource]) -> None:
        self._sources = tuple(
            (source.header, None if source.scheme is None else source.scheme.lower()) for source in sources
        )
        self.headers = tuple(dict.fromkeys(source.header for source in sources))
        """Every header that may hold a key: the upstream sees none of them."""

    def find(self, request: Request) -> str | Reason:
        """The key, or why there is none to look up."""
        found: str | None = None
        for header, scheme in self._sources:
            value = request.headers.get(header)
            if not value:
                continue
            if "," in value:  # sent twice: upstream and we might pick different ones
                return Reason.AMBIGUOUS_KEY
            key = value.strip(" \t") if scheme is None else _after(scheme, value)
            if not key:
                continue
            if found is not None:
                return Reason.AMBIGUOUS_KEY
            found = key
        if found is None:
            return Reason.MISSING_KEY
        return Reason.MALFORMED_KEY if len(found) > MAX_LENGTH else found


def _after(scheme: str, value: str) -> str:
    """What follows `scheme` and at least one space (RFC 9110, 11.4), or nothing."""
    word, _, rest = value.strip(" \t").partition(" ")
    return rest.strip(" \t") if word.lower() == scheme else ""
