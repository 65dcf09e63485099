"""What a refused caller is told: status, headers and body for each reason, as plain HTTP or as gRPC."""

import json
from collections.abc import Iterable, Sequence

from extauth.check import answer
from extauth.check.answer import Header
from extauth.policy.reasons import OUTCOMES, Reason
from extauth.policy.schema import CredentialSource

_UNAUTHORIZED = 401
_REFUSALS = [reason for reason in Reason if reason is not Reason.OK]


class Denials:
    """The denials of one API, or of requests that belong to none. The constant ones are written once, here."""

    def __init__(self, realm: str, sources: Sequence[CredentialSource] = ()) -> None:
        schemes = dict.fromkeys(source.scheme or "ApiKey" for source in sources)
        self._challenge = ", ".join(f'{scheme} realm="{realm}"' for scheme in schemes)
        self._constant: dict[tuple[Reason, bool], bytes] = {
            (reason, grpc): self._write(reason, grpc, ()) for reason in _REFUSALS for grpc in (False, True)
        }

    def write(self, reason: Reason, *, grpc: bool, headers: Iterable[Header] = ()) -> bytes:
        """A serialised CheckResponse that refuses with this reason."""
        extra = tuple(headers)
        return self._write(reason, grpc, extra) if extra else self._constant[reason, grpc]

    def _write(self, reason: Reason, grpc: bool, extra: Sequence[Header]) -> bytes:  # noqa: FBT001 (key of the table)
        headers = [*(self._grpc_headers(reason) if grpc else self._http_headers(reason)), *extra]
        body = "" if grpc else _body(reason)
        return (answer.fail if reason is Reason.UNAVAILABLE else answer.deny)(reason, headers, body)

    def _http_headers(self, reason: Reason) -> list[Header]:
        headers = [("content-type", "application/json"), ("cache-control", "no-store")]
        if OUTCOMES[reason].http_status == _UNAUTHORIZED and self._challenge:
            headers.append(("www-authenticate", self._challenge))  # RFC 9110, 15.5.2: a 401 carries one
        return headers

    @staticmethod
    def _grpc_headers(reason: Reason) -> list[Header]:
        # Envoy turns a denial of a gRPC call into trailers; without these it maps 429 to UNAVAILABLE.
        outcome = OUTCOMES[reason]
        return [("grpc-status", str(outcome.grpc_code)), ("grpc-message", outcome.message)]


def _body(reason: Reason) -> str:
    return json.dumps({"error": reason.value, "message": OUTCOMES[reason].message})
