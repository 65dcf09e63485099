"""The routes on admin tokens, and the one that tells who asks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from extauth.registry.admin_tokens import AdminTokens
from extauth.registry.rest.admin_token_bodies import (
    AdminTokenBody,
    AdminTokenPageBody,
    AdminTokenQuery,
    CreateTokenBody,
    IdentityBody,
    IssuedAdminTokenBody,
    RevokeTokenBody,
    RotateTokenBody,
)
from extauth.registry.rest.idempotent import Idempotent
from extauth.registry.rest.routing import Caller, router_for


class AdminTokenRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, tokens: AdminTokens) -> None:
        self._tokens = tokens

    def router(self) -> APIRouter:
        router = router_for("/v1", "admin tokens")
        add = router.add_api_route
        add("/identity", self.identity, methods=["GET"])
        add("/admin-tokens", self.create, methods=["POST"], status_code=201)
        add("/admin-tokens", self.find, methods=["GET"])
        add("/admin-tokens/{token_id}", self.show, methods=["GET"])
        add("/admin-tokens/{token_id}/rotate", self.rotate, methods=["POST"], status_code=201)
        add("/admin-tokens/{token_id}/revoke", self.revoke, methods=["POST"])
        return router

    def identity(self, caller: Caller) -> IdentityBody:
        """Tell whose token the request has."""
        return IdentityBody.of(caller)

    def create(
        self, body: CreateTokenBody, caller: Caller, once: Idempotent, response: Response
    ) -> IssuedAdminTokenBody:
        """Make an admin token. The answer has its text, which cannot be shown again."""
        new = body.new_token(caller.narrow(body.tenant or "") or None)

        def work() -> IssuedAdminTokenBody:
            return IssuedAdminTokenBody.of_issued(self._tokens.create(new, caller.name), self._tokens.clock())

        return _located(once.do(IssuedAdminTokenBody, work), response)

    def find(self, query: Annotated[AdminTokenQuery, Query()], caller: Caller) -> AdminTokenPageBody:
        """List admin tokens, newest first."""
        page = self._tokens.find(caller.narrow(query.tenant), query.limit, query.cursor)
        return AdminTokenPageBody.of(page, self._tokens.clock())

    def show(self, token_id: str) -> AdminTokenBody:
        """Show one admin token."""
        return AdminTokenBody.of(self._tokens.show(token_id), self._tokens.clock())

    def rotate(
        self, token_id: str, caller: Caller, once: Idempotent, response: Response, body: RotateTokenBody | None = None
    ) -> IssuedAdminTokenBody:
        """Make a successor with the same rights, and let the old token end after a grace period."""
        grace = (body or RotateTokenBody()).grace

        def work() -> IssuedAdminTokenBody:
            issued = self._tokens.rotate(token_id, grace, caller.name)
            return IssuedAdminTokenBody.of_issued(issued, self._tokens.clock())

        return _located(once.do(IssuedAdminTokenBody, work), response)

    def revoke(self, token_id: str, caller: Caller, body: RevokeTokenBody | None = None) -> AdminTokenBody:
        """End an admin token at once and for good."""
        token = self._tokens.revoke(token_id, body.reason if body else "", caller.name)
        return AdminTokenBody.of(token, self._tokens.clock())


def _located(body: IssuedAdminTokenBody, response: Response) -> IssuedAdminTokenBody:
    response.headers["location"] = f"/v1/admin-tokens/{body.id}"
    return body
