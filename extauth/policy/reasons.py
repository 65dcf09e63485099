"""Why a check ended as it did: one enum, and one table with everything that follows from it."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The value is the metric label and the `error` of the default body."""

    @property
    def is_ours(self) -> bool:
        """Whether it is a fault of ours: Envoy is told of an error, and no template makes it the caller's."""
        return self in {Reason.UNAVAILABLE, Reason.OVERLOADED}

    OK = "ok"
    MISSING_KEY = "missing_key"
    AMBIGUOUS_KEY = "ambiguous_key"
    MALFORMED_KEY = "malformed_key"
    INVALID_KEY = "invalid_key"
    REVOKED_KEY = "revoked_key"
    DISABLED_KEY = "disabled_key"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED_KEY = "expired_key"
    WRONG_TENANT = "wrong_tenant"
    MISSING_SCOPE = "missing_scope"
    NO_POLICY = "no_policy"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_FAILURES = "too_many_failures"
    BAD_REQUEST = "bad_request"
    OVERLOADED = "overloaded"
    UNTRUSTED_PROXY = "untrusted_proxy"
    UNAVAILABLE = "unavailable"
    ALLOWED_UNIDENTIFIED = "allowed_unidentified"


ALLOWING = frozenset({Reason.OK, Reason.ALLOWED_UNIDENTIFIED})
"""With which a request passes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reason means outside: a google.rpc.Code, an HTTP status, a message that a caller may read."""

    grpc_code: int
    http_status: int
    message: str


_OK, _INVALID_ARGUMENT, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED, _UNAVAILABLE, _UNAUTHENTICATED = 0, 3, 7, 8, 14, 16

OUTCOMES: dict[Reason, Outcome] = {
    Reason.OK: Outcome(_OK, 200, "OK"),
    Reason.MISSING_KEY: Outcome(_UNAUTHENTICATED, 401, "An API key is required."),
    Reason.AMBIGUOUS_KEY: Outcome(_UNAUTHENTICATED, 401, "More than one API key was sent."),
    Reason.MALFORMED_KEY: Outcome(_UNAUTHENTICATED, 401, "The API key is malformed."),
    Reason.INVALID_KEY: Outcome(_UNAUTHENTICATED, 401, "The API key is not valid."),
    Reason.REVOKED_KEY: Outcome(_UNAUTHENTICATED, 401, "The API key has been revoked."),
    Reason.DISABLED_KEY: Outcome(_UNAUTHENTICATED, 401, "The API key is disabled."),
    Reason.NOT_YET_VALID: Outcome(_UNAUTHENTICATED, 401, "The API key is not valid yet."),
    Reason.EXPIRED_KEY: Outcome(_UNAUTHENTICATED, 401, "The API key has expired."),
    Reason.WRONG_TENANT: Outcome(_UNAUTHENTICATED, 401, "The API key belongs to another tenant."),
    Reason.MISSING_SCOPE: Outcome(_PERMISSION_DENIED, 403, "The API key does not permit this request."),
    Reason.NO_POLICY: Outcome(_PERMISSION_DENIED, 403, "No API is served here."),
    Reason.RATE_LIMITED: Outcome(_RESOURCE_EXHAUSTED, 429, "Too many requests."),
    Reason.TOO_MANY_FAILURES: Outcome(
        _RESOURCE_EXHAUSTED, 429, "Too many requests without a valid API key. Try again later."
    ),
    Reason.BAD_REQUEST: Outcome(_INVALID_ARGUMENT, 400, "The request cannot be checked."),
    Reason.OVERLOADED: Outcome(_UNAVAILABLE, 503, "Too many requests are being checked now. Try again."),
    # Whoever asks is not our Envoy, or an Envoy that nobody gave the secret: its clients have done no wrong.
    Reason.UNTRUSTED_PROXY: Outcome(_UNAUTHENTICATED, 503, "The API key cannot be checked here."),
    Reason.UNAVAILABLE: Outcome(_UNAVAILABLE, 503, "The API key cannot be checked now. Try again."),
    # While Redis is away, where the API's `outage` says let_anyone_in.
    Reason.ALLOWED_UNIDENTIFIED: Outcome(_OK, 200, "Allowed without knowing who calls."),
}
