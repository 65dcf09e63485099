"""The routes on keys: each turns a body into one operation, and the result into a body."""

import dataclasses
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from extauth.registry.errors import ForbiddenError
from extauth.registry.identity import Identity
from extauth.registry.key import IssuedKey, Key
from extauth.registry.operations import KeyRegistry
from extauth.registry.rest.bodies import (
    CreateBody,
    ExpireBody,
    IssuedKeyBody,
    KeyBody,
    KeyPage,
    ListQuery,
    RevokeBody,
    RotateBody,
    UpdateBody,
)
from extauth.registry.rest.idempotent import Idempotent, Once
from extauth.registry.rest.preconditions import IfMatch, expected_revisions, set_tag
from extauth.registry.rest.routing import Caller, failures, router_for

_INVALID, _ABSENT = HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND
_CONFLICT, _STALE = HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED


class KeyRoutes:
    """Plain functions, not coroutines: they run in threads, where a wait for the database holds up nobody else."""

    def __init__(self, registry: KeyRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/keys", "keys")
        add = router.add_api_route
        one, of_states = "/{key_id}", failures(_ABSENT, _CONFLICT, _INVALID)
        add("", self.create, methods=["POST"], status_code=201, responses=failures(_CONFLICT, _INVALID))
        add("", self.find, methods=["GET"], responses=failures(_INVALID))
        add(one, self.show, methods=["GET"], responses=failures(_ABSENT))
        add(one, self.update, methods=["PATCH"], responses=of_states | failures(_STALE))
        add(f"{one}/rotate", self.rotate, methods=["POST"], status_code=201, responses=of_states)
        add(f"{one}/revoke", self.revoke, methods=["POST"], responses=failures(_ABSENT, _INVALID))
        add(f"{one}/expire", self.expire, methods=["POST"], responses=of_states)
        add(f"{one}/disable", self.disable, methods=["POST"], responses=failures(_ABSENT, _CONFLICT))
        add(f"{one}/enable", self.enable, methods=["POST"], responses=failures(_ABSENT, _CONFLICT))
        return router

    def create(self, body: CreateBody, caller: Caller, once: Idempotent, response: Response) -> IssuedKeyBody:
        """Make a key. The answer has its secret, which cannot be shown again."""
        caller.narrow(body.tenant)
        _check_allowance(caller, given=bool(body.plan or body.limits))
        existing = body.existing or caller.tenant is not None
        return self._issued(
            once, lambda: self._registry.create(body.new_key(), caller.name, existing=existing), response
        )

    def find(self, query: Annotated[ListQuery, Query()], caller: Caller) -> KeyPage:
        """List keys: filtered, sorted, page by page."""
        wanted = dataclasses.replace(query.filter(), tenant=caller.narrow(query.tenant))
        page = self._registry.find(wanted, query.limit, query.cursor, query.sorting())
        return KeyPage.of(page, self._registry.clock())

    def show(self, key_id: str, response: Response) -> KeyBody:
        """Show one key."""
        return self._shown(self._registry.show(key_id), response)

    def update(
        self, key_id: str, caller: Caller, body: UpdateBody, response: Response, if_match: IfMatch = None
    ) -> KeyBody:
        """Change name, scopes, plan, limits, metadata or times."""
        _check_allowance(caller, given=body.plan is not None or body.limits is not None)
        expected = expected_revisions(if_match)
        key = self._registry.update(key_id, body.update(), caller.name, expected)
        return self._shown(key, response)

    def rotate(
        self, key_id: str, caller: Caller, once: Idempotent, response: Response, body: RotateBody | None = None
    ) -> IssuedKeyBody:
        """Make a successor with the same rights, and let the old key end after a grace period."""
        wanted = body or RotateBody()
        return self._issued(
            once, lambda: self._registry.rotate(key_id, wanted.grace, wanted.created_by, caller.name), response
        )

    def revoke(self, key_id: str, caller: Caller, response: Response, body: RevokeBody | None = None) -> KeyBody:
        """End a key at once and for good."""
        return self._shown(self._registry.revoke(key_id, body.reason if body else "", caller.name), response)

    def expire(self, key_id: str, caller: Caller, response: Response, body: ExpireBody | None = None) -> KeyBody:
        """End a key at a time, or now."""
        return self._shown(self._registry.expire(key_id, body.at if body else None, caller.name), response)

    def disable(self, key_id: str, caller: Caller, response: Response) -> KeyBody:
        """Switch a key off."""
        return self._shown(self._registry.disable(key_id, caller.name), response)

    def enable(self, key_id: str, caller: Caller, response: Response) -> KeyBody:
        """Switch a disabled key on again."""
        return self._shown(self._registry.enable(key_id, caller.name), response)

    def _shown(self, key: Key, response: Response) -> KeyBody:
        set_tag(response, key.revision)
        return KeyBody.of(key, self._registry.clock())

    def _issued(self, once: Once, work: Callable[[], IssuedKey], response: Response) -> IssuedKeyBody:
        body = once.do(IssuedKeyBody, lambda: IssuedKeyBody.of_issued(work(), self._registry.clock()))
        set_tag(response, body.revision)
        response.headers["location"] = f"/v1/keys/{body.id}"
        response.headers["cache-control"] = "no-store"  # it has the secret
        return body


def _check_allowance(caller: Identity, *, given: bool) -> None:
    """How much a tenant may use is not for its own people to say: ForbiddenError."""
    if given and caller.tenant is not None:
        remedy = "leave plan and limits out, or use a token of all tenants"
        raise ForbiddenError("an identity of one tenant may not say how much its keys may use", remedy)
