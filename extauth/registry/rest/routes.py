"""The routes on keys: each turns a body into one operation, and the result into a body."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

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
from extauth.registry.rest.routing import ACTOR, router_for


class KeyRoutes:
    """Plain functions, not coroutines: they run in threads, where a wait for the database holds up nobody else."""

    def __init__(self, registry: KeyRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/keys", "keys")
        add = router.add_api_route
        add("", self.create, methods=["POST"], status_code=201)
        add("", self.find, methods=["GET"])
        add("/{key_id}", self.show, methods=["GET"])
        add("/{key_id}", self.update, methods=["PATCH"])
        add("/{key_id}/rotate", self.rotate, methods=["POST"], status_code=201)
        add("/{key_id}/revoke", self.revoke, methods=["POST"])
        add("/{key_id}/expire", self.expire, methods=["POST"])
        add("/{key_id}/disable", self.disable, methods=["POST"])
        add("/{key_id}/enable", self.enable, methods=["POST"])
        return router

    def create(self, body: CreateBody, response: Response) -> IssuedKeyBody:
        """Make a key. The answer has its secret, which cannot be shown again."""
        return self._issued(self._registry.create(body.new_key(), ACTOR), response)

    def find(self, query: Annotated[ListQuery, Query()]) -> KeyPage:
        """List keys, newest first."""
        page = self._registry.find(query.filter(), query.limit, query.cursor)
        return KeyPage.of(page, self._registry.clock())

    def show(self, key_id: str) -> KeyBody:
        """Show one key."""
        return self._shown(self._registry.show(key_id))

    def update(self, key_id: str, body: UpdateBody) -> KeyBody:
        """Change name, scopes, plan or metadata."""
        return self._shown(self._registry.update(key_id, body.update(), ACTOR))

    def rotate(self, key_id: str, response: Response, body: RotateBody | None = None) -> IssuedKeyBody:
        """Make a successor with the same rights, and let the old key end after a grace period."""
        wanted = body or RotateBody()
        return self._issued(self._registry.rotate(key_id, wanted.grace, wanted.created_by, ACTOR), response)

    def revoke(self, key_id: str, body: RevokeBody | None = None) -> KeyBody:
        """End a key at once and for good."""
        return self._shown(self._registry.revoke(key_id, body.reason if body else "", ACTOR))

    def expire(self, key_id: str, body: ExpireBody | None = None) -> KeyBody:
        """End a key at a time, or now."""
        return self._shown(self._registry.expire(key_id, body.at if body else None, ACTOR))

    def disable(self, key_id: str) -> KeyBody:
        """Switch a key off."""
        return self._shown(self._registry.disable(key_id, ACTOR))

    def enable(self, key_id: str) -> KeyBody:
        """Switch a disabled key on again."""
        return self._shown(self._registry.enable(key_id, ACTOR))

    def _shown(self, key: Key) -> KeyBody:
        return KeyBody.of(key, self._registry.clock())

    def _issued(self, issued: IssuedKey, response: Response) -> IssuedKeyBody:
        response.headers["location"] = f"/v1/keys/{issued.key.id}"
        response.headers["cache-control"] = "no-store"  # it has the secret
        return IssuedKeyBody.of_issued(issued, self._registry.clock())
