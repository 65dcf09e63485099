"""What a refused caller is told: status, headers and body for each reason, as plain HTTP or as gRPC."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from extauth.check import answer
from extauth.check.answer import Header
from extauth.check.template import Body
from extauth.policy.credentials import CredentialSource
from extauth.policy.errors import ErrorTemplate, template_for
from extauth.policy.reasons import ALLOWING, OUTCOMES, Reason

_BEARER = "bearer"
_DEFAULT_BODY = {"error": "{reason}", "message": "{message}"}
_CONSTANT = frozenset({"reason", "message", "status"})
_NOT_SENT = {Reason.MISSING_KEY}
_MOST_KEPT = 1000


class Denials:
    """The denials of one API, or of requests that belong to none. Those that do not differ are written once."""

    def __init__(
        self,
        realm: str,
        sources: Sequence[CredentialSource] = (),
        templates: Sequence[Mapping[str, ErrorTemplate]] = (),
    ) -> None:
        schemes = [scheme for source in sources for scheme in source.scheme or ("ApiKey",)]
        self._challenges = _Challenges(realm, list(dict.fromkeys(schemes)))
        self._denials: dict[Reason, _Denial] = {
            reason: _Denial(reason, template_for(reason, *templates), self._challenges.for_reason(reason))
            for reason in Reason
            if reason not in ALLOWING
        }

    def write(
        self, reason: Reason, *, grpc: bool, values: Mapping[str, str] | None = None, headers: Iterable[Header] = ()
    ) -> bytes:
        """A serialised CheckResponse that refuses with this reason.

        `values` are for the template's placeholders; see `needs_values`.
        """
        return self._denials[reason].write(grpc, values or {}, tuple(headers))

    def needs_values(self, reason: Reason) -> bool:
        """Whether the template of this reason has placeholders that depend on the request."""
        return not self._denials[reason].is_constant


class _Denial:
    """The denial for one reason."""

    def __init__(self, reason: Reason, template: ErrorTemplate, challenge: str) -> None:
        outcome = OUTCOMES[reason]
        self._reason = reason
        self._status = template.status or outcome.http_status
        self._constants = {"reason": reason.value, "message": outcome.message, "status": str(self._status)}
        self._body = Body(template, _DEFAULT_BODY)
        self.is_constant = self._body.placeholders <= _CONSTANT
        own = {"content-type": self._body.content_type, "cache-control": "no-store"}
        if challenge and self._status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            own["www-authenticate"] = challenge
        self._headers = list({**own, **template.headers}.items())
        # Envoy turns a denial of a gRPC call into trailers; without these it would map 429 to UNAVAILABLE.
        self._grpc_headers = [("grpc-status", str(outcome.grpc_code)), ("grpc-message", outcome.message)]
        self._written: dict[tuple[bool, Sequence[Header]], bytes] = {}

    def write(self, grpc: bool, values: Mapping[str, str], extra: Sequence[Header]) -> bytes:  # noqa: FBT001
        """What differs in nothing but its headers is kept: a caller over its limit gets the same one many times."""
        if not self.is_constant:
            return self._write(grpc, values, extra)
        written = self._written.get((grpc, extra))
        if written is None:
            if len(self._written) >= _MOST_KEPT:
                self._written.clear()
            written = self._written[grpc, extra] = self._write(grpc, {}, extra)
        return written

    def _write(self, grpc: bool, values: Mapping[str, str], extra: Sequence[Header]) -> bytes:  # noqa: FBT001
        headers = [*(self._grpc_headers if grpc else self._headers), *extra]
        body = "" if grpc else self._body.fill({**self._constants, **values})
        write = answer.fail if self._reason.is_ours else answer.deny
        return write(self._reason, self._status, headers, body)


class _Challenges:
    """WWW-Authenticate: how to authenticate (RFC 9110, 11.6.1) and, for bearers, what was wrong (RFC 6750, 3)."""

    def __init__(self, realm: str, schemes: Sequence[str]) -> None:
        self._realm = realm
        self._schemes = schemes

    def for_reason(self, reason: Reason) -> str:
        status = OUTCOMES[reason].http_status
        if status == HTTPStatus.UNAUTHORIZED:
            error = "" if reason in _NOT_SENT else ', error="invalid_token"'
            return ", ".join(self._challenge(scheme, error) for scheme in self._schemes)
        if reason is Reason.MISSING_SCOPE:
            bearers = [scheme for scheme in self._schemes if scheme.lower() == _BEARER]
            return ", ".join(self._challenge(scheme, ', error="insufficient_scope"') for scheme in bearers)
        return ""

    def _challenge(self, scheme: str, error: str) -> str:
        return f'{scheme} realm="{self._realm}"{error if scheme.lower() == _BEARER else ""}'
