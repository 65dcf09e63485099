"""The routes on tenants."""

import dataclasses
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from extauth.registry.rest.preconditions import IfMatch, expected_revisions, set_tag
from extauth.registry.rest.routing import Caller, failures, router_for
from extauth.registry.rest.tenant_bodies import (
    CreateTenantBody,
    SuspendBody,
    TenantBody,
    TenantPageBody,
    TenantQuery,
    UpdateTenantBody,
)
from extauth.registry.tenant import Tenant
from extauth.registry.tenants import TenantRegistry

_INVALID, _ABSENT = HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND
_CONFLICT, _STALE = HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED


class TenantRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, registry: TenantRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/tenants", "tenants")
        add = router.add_api_route
        one = "/{tenant_id}"
        add("", self.create, methods=["POST"], status_code=201, responses=failures(_CONFLICT, _INVALID))
        add("", self.find, methods=["GET"], responses=failures(_INVALID))
        add(one, self.show, methods=["GET"], responses=failures(_ABSENT))
        add(one, self.update, methods=["PATCH"], responses=failures(_ABSENT, _STALE, _INVALID))
        add(one, self.delete, methods=["DELETE"], status_code=204, responses=failures(_ABSENT, _CONFLICT, _STALE))
        add(f"{one}/suspend", self.suspend, methods=["POST"], responses=failures(_ABSENT, _INVALID))
        add(f"{one}/resume", self.resume, methods=["POST"], responses=failures(_ABSENT))
        return router

    def create(self, body: CreateTenantBody, caller: Caller, response: Response) -> TenantBody:
        """Make a tenant that has no keys yet."""
        tenant = self._registry.create(body.new_tenant(), caller.name)
        response.headers["location"] = f"/v1/tenants/{tenant.id}"
        return _shown(tenant, response)

    def find(self, query: Annotated[TenantQuery, Query()], caller: Caller) -> TenantPageBody:
        """List tenants, in order of id."""
        wanted = dataclasses.replace(query.filter(), id=caller.tenant or "")
        return TenantPageBody.of(self._registry.find(wanted, query.limit, query.cursor))

    def show(self, tenant_id: str, response: Response) -> TenantBody:
        """Show one tenant."""
        return _shown(self._registry.show(tenant_id), response)

    def update(
        self, tenant_id: str, caller: Caller, body: UpdateTenantBody, response: Response, if_match: IfMatch = None
    ) -> TenantBody:
        """Change name, plan, limits or metadata. A new plan or new limits reach all keys of the tenant."""
        expected = expected_revisions(if_match)
        return _shown(self._registry.update(tenant_id, body.update(), caller.name, expected), response)

    def delete(self, tenant_id: str, caller: Caller, if_match: IfMatch = None) -> None:
        """Remove a tenant that never had a key."""
        self._registry.delete(tenant_id, caller.name, expected_revisions(if_match))

    def suspend(
        self, tenant_id: str, caller: Caller, response: Response, body: SuspendBody | None = None
    ) -> TenantBody:
        """Refuse all keys of a tenant, which keep their own status, until it is resumed."""
        return _shown(self._registry.suspend(tenant_id, body.reason if body else "", caller.name), response)

    def resume(self, tenant_id: str, caller: Caller, response: Response) -> TenantBody:
        """Honour the keys of a suspended tenant again."""
        return _shown(self._registry.resume(tenant_id, caller.name), response)


def _shown(tenant: Tenant, response: Response) -> TenantBody:
    set_tag(response, tenant.revision)
    return TenantBody.of(tenant)
