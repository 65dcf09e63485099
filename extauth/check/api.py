"""ServedApi: one API of the policy, made ready to decide with."""

import time
from collections.abc import Callable, Mapping

from extauth.check.caller import IdentityHeaders
from extauth.check.client_address import address_reader
from extauth.check.credential import Concealment, CredentialFinder
from extauth.check.denial import Denials
from extauth.check.grant import Grants
from extauth.check.limit import Limiter
from extauth.check.nobody import grant_of_nobody
from extauth.check.permit import Permits
from extauth.check.rate_headers import RateHeaders
from extauth.check.request import Request
from extauth.check.tenant import TenantRule
from extauth.policy.errors import ErrorTemplate
from extauth.policy.outage import OutageSettings, outage_of
from extauth.policy.schema import Api, Match
from extauth.store.names import Names


class ServedApi:
    """All parts of an API; `errors` and `outage` are the file's, which its own go before. `wall` in Unix seconds."""

    def __init__(
        self,
        api: Api,
        names: Names,
        errors: Mapping[str, ErrorTemplate],
        outage: OutageSettings = OutageSettings(),  # noqa: B008 (it never changes)
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = api.name
        self.match: Match = api.match
        self.reads_paths = bool(
            api.match.paths
            or any(permission.paths for permission in api.permissions)
            or any(limit.paths for limit in api.limits)
            or (api.tenant is not None and api.tenant.path is not None)
        )
        self.finder = CredentialFinder(api.credentials)
        self.concealment = Concealment(api.credentials)
        self.tenant = TenantRule(api.tenant)
        self.address_of = _no_address if api.client_address.header is None else address_reader(api.client_address)
        """The client's, where the policy says where it stands: the TCP peer may be a proxy that all clients share."""
        self.permits = Permits(api)
        self.limiter = Limiter(api, names)
        self.rate_headers = RateHeaders(api.rate_limit_headers, wall)
        identity = IdentityHeaders(api.upstream_headers)
        self.grants = Grants(identity, self.concealment, self.limiter)
        self.outage = outage_of(api.outage, outage)
        self.nobody = grant_of_nobody(self.limiter, [*self.concealment.headers, *identity.names])
        """For a caller of whom nothing is known; see `outage`."""
        self.denials = Denials(api.name, api.credentials, (api.errors, errors))
        self._bases = sorted((path.strip("=").rstrip("/") for path in api.match.paths), key=len, reverse=True)

    def endpoint(self, path: str) -> str:
        """The path below the API's own, without the first slash."""
        base = next((base for base in self._bases if (path + "/").startswith(base + "/")), "")
        return path[len(base) :].removeprefix("/")


def _no_address(_request: Request) -> str:
    return ""
