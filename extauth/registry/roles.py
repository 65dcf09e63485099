"""Who may do what: one row for each operation of the REST API and of gRPC. What has no row, nobody may do.

Below an operation's path are things that belong to a tenant, or things that belong to none. An identity of one tenant
may do an operation of the first kind to what is its tenant's; all else is not there for it. Operations of the second
kind are for identities of all tenants.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extauth.registry.errors import ForbiddenError
from extauth.registry.identity import Identity, Role

WATCH = ("GRPC", "WatchKeys")

_VIEWERS = frozenset({Role.VIEWER, Role.EDITOR, Role.OWNER})
_EDITORS = frozenset({Role.EDITOR, Role.OWNER})
_OWNERS = frozenset({Role.OWNER})
_PUBLISHERS = frozenset({Role.PUBLISHER, Role.OWNER})
_EVERYBODY = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may do one operation."""

    roles: frozenset[Role]
    """None of them: it needs no token."""
    of_tenants: bool = True
    """Whether an identity of one tenant may do it, to what is its tenant's."""


_OPEN = Permission(frozenset())
_VIEW = Permission(_VIEWERS)
_EDIT = Permission(_EDITORS)
_VIEW_ALL = Permission(_VIEWERS, of_tenants=False)
_EDIT_ALL = Permission(_EDITORS, of_tenants=False)
_OWN = Permission(_OWNERS)

PERMISSIONS: Mapping[tuple[str, str], Permission] = {
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/metrics"): _OPEN,
    ("GET", "/openapi.json"): _OPEN,
    ("GET", "/openapi.yaml"): _OPEN,
    ("GET", "/docs"): _OPEN,
    ("GET", "/docs/{name}"): _OPEN,
    ("GET", "/v1/identity"): Permission(_EVERYBODY),
    ("GET", "/v1/keys"): _VIEW,
    ("POST", "/v1/keys"): _EDIT,
    ("POST", "/v1/keys:import"): _EDIT,
    ("GET", "/v1/keys:import"): _VIEW,
    ("GET", "/v1/keys:export"): _VIEW,
    ("GET", "/v1/keys/{key_id}"): _VIEW,
    ("PATCH", "/v1/keys/{key_id}"): _EDIT,
    ("POST", "/v1/keys/{key_id}/rotate"): _EDIT,
    ("POST", "/v1/keys/{key_id}/revoke"): _EDIT,
    ("POST", "/v1/keys/{key_id}/expire"): _EDIT,
    ("POST", "/v1/keys/{key_id}/disable"): _EDIT,
    ("POST", "/v1/keys/{key_id}/enable"): _EDIT,
    ("GET", "/v1/keys/health"): _VIEW,
    ("GET", "/v1/keys/health/{finding}"): _VIEW,
    ("GET", "/v1/tenants"): _VIEW,
    ("POST", "/v1/tenants"): _EDIT_ALL,
    ("GET", "/v1/tenants/{tenant_id}"): _VIEW,
    ("PATCH", "/v1/tenants/{tenant_id}"): _EDIT_ALL,
    ("DELETE", "/v1/tenants/{tenant_id}"): _EDIT_ALL,
    ("POST", "/v1/tenants/{tenant_id}/suspend"): _EDIT_ALL,
    ("POST", "/v1/tenants/{tenant_id}/resume"): _EDIT_ALL,
    ("GET", "/v1/plans"): _VIEW_ALL,
    ("POST", "/v1/plans"): _EDIT_ALL,
    ("GET", "/v1/plans/{name}"): _VIEW_ALL,
    ("PATCH", "/v1/plans/{name}"): _EDIT_ALL,
    ("DELETE", "/v1/plans/{name}"): _EDIT_ALL,
    ("GET", "/v1/token-revocations"): _VIEW_ALL,
    ("POST", "/v1/token-revocations"): _EDIT_ALL,
    ("GET", "/v1/token-revocations/{revocation_id}"): _VIEW_ALL,
    ("POST", "/v1/token-revocations/{revocation_id}/lift"): _EDIT_ALL,
    ("GET", "/v1/usage"): _VIEW,
    ("GET", "/v1/usage/export"): _VIEW,
    ("GET", "/v1/leak-reports"): _VIEW,
    ("POST", "/v1/leak-reports/github"): _OPEN,  # signed instead
    ("GET", "/v1/audit"): _VIEW,
    ("GET", "/v1/admin-tokens"): _OWN,
    ("POST", "/v1/admin-tokens"): _OWN,
    ("GET", "/v1/admin-tokens/{token_id}"): _OWN,
    ("POST", "/v1/admin-tokens/{token_id}/rotate"): _OWN,
    ("POST", "/v1/admin-tokens/{token_id}/revoke"): _OWN,
    ("GRPC", "CreateKey"): _EDIT,
    ("GRPC", "GetKey"): _VIEW,
    ("GRPC", "ListKeys"): _VIEW,
    ("GRPC", "UpdateKey"): _EDIT,
    ("GRPC", "RotateKey"): _EDIT,
    ("GRPC", "RevokeKey"): _EDIT,
    ("GRPC", "ExpireKey"): _EDIT,
    ("GRPC", "DisableKey"): _EDIT,
    ("GRPC", "EnableKey"): _EDIT,
    WATCH: Permission(_PUBLISHERS, of_tenants=False),
}
"""Method and path of each operation, as OpenAPI writes it."""
_PATTERNS = {operation: re.compile(re.sub(r"\{\w+\}", "[^/]+", operation[1])) for operation in PERMISSIONS}


def methods_of(path: str) -> Sequence[str]:
    """What may be done at this path; one that is written out in full is no id of something."""
    exact = [method for method, template in PERMISSIONS if template == path]
    return sorted(exact or {method for (method, _), pattern in _PATTERNS.items() if pattern.fullmatch(path)})


def check(identity: Identity, permission: Permission) -> None:
    """Raise ForbiddenError unless the identity may do it, at least to some things."""
    if identity.role not in permission.roles:
        allowed = [role.value for role in Role if role in permission.roles]
        raise ForbiddenError(f"the role {identity.role.value} may not do this", f"use a token of: {', '.join(allowed)}")
    if identity.tenant is not None and not permission.of_tenants:
        raise ForbiddenError("an identity of one tenant may not do this", "use a token of all tenants")
