"""Every error of KeyRegistry over gRPC: one table of codes, and what is wrong with each field among the details."""

from collections.abc import Mapping, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from extauth.registry.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RegistryError,
    StaleError,
    UnavailableError,
)

CODES: Mapping[type[RegistryError], grpc.StatusCode] = {
    InvalidError: grpc.StatusCode.INVALID_ARGUMENT,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    ConflictError: grpc.StatusCode.FAILED_PRECONDITION,
    StaleError: grpc.StatusCode.ABORTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
}
DETAILS = "grpc-status-details-bin"
"""The trailer in which gRPC carries a google.rpc.Status."""


class CallError(Exception):
    """How a call ends that cannot do what is asked."""

    def __init__(self, code: grpc.StatusCode, text: str, problems: Sequence[FieldProblem] = ()) -> None:
        self.code = code
        self.text = text
        self.problems = problems
        super().__init__(text)

    @classmethod
    def of(cls, error: RegistryError) -> "CallError":
        problems = error.problems if isinstance(error, InvalidError) else ()
        return cls(CODES[type(error)], str(error), problems)

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """google.rpc.BadRequest for fields that cannot be taken, else nothing."""
        if not self.problems:
            return ()
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=one.field, description=_description(one))
            for one in self.problems
        ]
        detail = Any()
        detail.Pack(error_details_pb2.BadRequest(field_violations=violations))
        status = status_pb2.Status(code=self.code.value[0], message=self.text, details=[detail])
        return ((DETAILS, status.SerializeToString()),)


def _description(problem: FieldProblem) -> str:
    return f"{problem.message}: {problem.remedy}" if problem.remedy else problem.message
