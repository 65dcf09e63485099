"""Writing a CheckResponse: the only file that knows what Envoy is answered with.

Envoy allows a request exactly when `status.code` is 0, and a missing status counts as 0. So a status is always set.
"""

from collections.abc import Iterable, Sequence

from google.rpc.status_pb2 import Status

from extauth.policy.reasons import OUTCOMES, Reason
from extauth.wire.envoy.service.auth.v3.external_auth_pb2 import (
    CheckResponse,
    DeniedHttpResponse,
    HeaderValue,
    HeaderValueOption,
    HttpStatus,
    OkHttpResponse,
)

Header = tuple[str, str]


def allow(set_headers: Iterable[Header], remove_headers: Sequence[str]) -> bytes:
    """Let the request pass. Envoy removes after it has set: a name in both lists does not reach the upstream."""
    return CheckResponse(
        status=Status(code=0),
        ok_response=OkHttpResponse(headers=_options(set_headers), headers_to_remove=remove_headers),
    ).SerializeToString()


def more(
    response_headers: Iterable[Header],
    set_headers: Iterable[Header] = (),
    remove_headers: Sequence[str] = (),
    remove_parameters: Sequence[str] = (),
) -> bytes:
    """To append to `allow`: a reader of protobuf merges two `ok_response` fields, and joins their lists."""
    return CheckResponse(
        ok_response=OkHttpResponse(
            headers=_options(set_headers),
            headers_to_remove=remove_headers,
            response_headers_to_add=_options(response_headers),
            query_parameters_to_remove=remove_parameters,
        )
    ).SerializeToString()


def deny(reason: Reason, http_status: int, headers: Iterable[Header], body: str) -> bytes:
    """Refuse the request."""
    response = _denied(http_status, headers, body)
    return CheckResponse(status=_status(reason), denied_response=response).SerializeToString()


def fail(reason: Reason, http_status: int, headers: Iterable[Header], body: str) -> bytes:
    """Say that the fault is ours: Envoy counts an error, not a denial, and obeys its failure_mode_allow.

    Envoy before 1.37 does not know `error_response` and would answer 403. It is therefore sent behind an equal
    `denied_response`: of two members of a oneof the last one counts, and an old Envoy skips the one it does not know.
    """
    headers = tuple(headers)
    error = CheckResponse(error_response=_denied(http_status, headers, body))
    return deny(reason, http_status, headers, body) + error.SerializeToString()


def _denied(http_status: int, headers: Iterable[Header], body: str) -> DeniedHttpResponse:
    return DeniedHttpResponse(status=HttpStatus(code=http_status), headers=_options(headers), body=body)


def _status(reason: Reason) -> Status:
    return Status(code=OUTCOMES[reason].grpc_code, message=reason.value)


def _options(headers: Iterable[Header]) -> list[HeaderValueOption]:
    # `append` stays unset: for a request header that means replace, for a denial's header that it is sent at all.
    return [HeaderValueOption(header=HeaderValue(key=name, value=value)) for name, value in headers]
