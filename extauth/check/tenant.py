"""Which tenant a request is for, and whether the caller belongs to it."""

from extauth.check.path_pattern import PathPattern
from extauth.check.request import Request
from extauth.policy.schema import TenantSource

_MARK = "{tenant}"


class TenantRule:
    """One API's rule; without a source every caller is at home."""

    def __init__(self, source: TenantSource | None) -> None:
        self._source = source
        self._path = PathPattern(source.path) if source is not None and source.path is not None else None
        self._host = source.host.partition(_MARK) if source is not None and source.host is not None else None

    def admits(self, request: Request, tenant: str) -> bool:
        """Whether a caller of this tenant may make the request."""
        if self._source is None:
            return True
        named = self.named(request)
        if named is None:
            return not self._source.required
        # Hosts have no case (RFC 9110, 4.2.3); tenants in paths and headers do.
        return bool(tenant) and named == (tenant.lower() if self._host else tenant)

    def named(self, request: Request) -> str | None:
        """The tenant that the request names; None when it names none, or need not."""
        if self._source is None:
            return None
        if self._host is not None:
            return _between(request.host, self._host[0], self._host[2])
        if self._path is not None:
            return (self._path.match(request.path) or {}).get("tenant")
        assert self._source.header is not None
        return request.headers.get(self._source.header) or None


def _between(host: str, before: str, after: str) -> str | None:
    """One label, or a part of it."""
    if not host.startswith(before) or not host.endswith(after) or len(host) <= len(before) + len(after):
        return None
    found = host[len(before) : len(host) - len(after)]
    return None if "." in found else found
