"""Whether who asks may do what is asked: every route of the application has this before it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Column, select

from extauth.registry import roles, schema
from extauth.registry.admin_schema import admin_tokens
from extauth.registry.admin_token import KIND as ADMIN_TOKEN
from extauth.registry.database import Database
from extauth.registry.errors import ForbiddenError, NotFoundError
from extauth.registry.rest.routing import identity_of
from extauth.registry.tenant import KIND as TENANT

_NAMED_BY: Mapping[str, tuple[Column[Any], str]] = {
    "key_id": (schema.keys.c.tenant, "key"),
    "token_id": (admin_tokens.c.tenant, ADMIN_TOKEN),
    "tenant_id": (schema.tenants.c.id, TENANT),
}
"""Parameters of paths that name a thing of a tenant: the column that says whose it is, and its kind."""


class Authorize:
    """A dependency of the application. A coroutine: without a tenant to look up it needs no thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, request: Request) -> None:
        """Raise ForbiddenError, or NotFoundError for a thing of another tenant, as if it were not there."""
        permission = roles.PERMISSIONS.get((request.method, request.scope["route"].path))
        if permission is None:
            raise ForbiddenError("nobody may do this", "see /openapi.json for what there is")
        if not permission.roles:
            return
        identity = identity_of(request)
        roles.check(identity, permission)
        if identity.tenant is None:
            return
        for parameter, (column, kind) in _NAMED_BY.items():
            if parameter in request.path_params:
                tenant = await run_in_threadpool(self._tenant_of, column, request.path_params[parameter])
                if not identity.sees(tenant):
                    raise NotFoundError(kind)

    def _tenant_of(self, column: Column[Any], row_id: str) -> str | None:
        if not row_id.isprintable():  # PostgreSQL takes no NUL
            return None
        with self._database.read() as connection:
            found: str | None = connection.execute(select(column).where(column.table.c.id == row_id)).scalar()
        return found
