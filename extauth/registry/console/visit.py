"""One request to the console: who makes it, what was filled in, and what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from extauth.registry import roles
from extauth.registry.console.session import Session
from extauth.registry.errors import ForbiddenError
from extauth.registry.identity import Identity


@dataclass(frozen=True, slots=True)
class Visit:
    """`form` has the fields of a POST, the last of each name."""

    request: Request
    address: str
    """Of the client."""
    over_tls: bool
    found: Session | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def session(self) -> Session:
        """On pages that ask for one."""
        assert self.found is not None
        return self.found

    @property
    def identity(self) -> Identity:
        return self.session.identity

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    def may(self, method: str, path: str) -> bool:
        """Whether this operation of the REST API is open to whoever makes the visit."""
        try:
            roles.check(self.identity, roles.PERMISSIONS[method, path])
        except ForbiddenError:
            return False
        return True
