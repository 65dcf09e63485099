"""The routes on revocations of bearer tokens."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from extauth.registry.rest.routing import Caller, router_for
from extauth.registry.rest.token_bodies import RevocationBody, RevocationPageBody, RevocationQuery, RevokeTokensBody
from extauth.registry.token_listing import RevocationPage
from extauth.registry.token_operations import TokenRegistry


class TokenRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, registry: TokenRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/token-revocations", "tokens")
        add = router.add_api_route
        known = {"description": "It had been revoked before", "model": RevocationBody}
        add("", self.revoke, methods=["POST"], status_code=HTTPStatus.CREATED, responses={HTTPStatus.OK.value: known})
        add("", self.find, methods=["GET"])
        add("/{revocation_id}", self.show, methods=["GET"])
        add("/{revocation_id}/lift", self.lift, methods=["POST"])
        return router

    def revoke(self, body: RevokeTokensBody, caller: Caller, response: Response) -> RevocationBody:
        """Refuse one bearer token, or all of a subject. Neither its id nor the subject is stored as it is."""
        revocation, is_new = self._registry.revoke_tokens(body.tokens(), body.reason, body.until, caller.name)
        response.headers["location"] = f"/v1/token-revocations/{revocation.id}"
        if not is_new:
            response.status_code = HTTPStatus.OK
        return RevocationBody.of(revocation)

    def find(self, query: Annotated[RevocationQuery, Query()]) -> RevocationPageBody:
        """List revocations, newest first."""
        tokens = query.tokens()
        if tokens is None:
            return RevocationPageBody.of(self._registry.find(query.issuer, query.limit, query.cursor))
        found = self._registry.show_for(tokens)
        return RevocationPageBody.of(RevocationPage([found] if found else [], ""))

    def show(self, revocation_id: str) -> RevocationBody:
        """Show one revocation."""
        return RevocationBody.of(self._registry.show(revocation_id))

    def lift(self, revocation_id: str, caller: Caller) -> RevocationBody:
        """Honour the tokens of a subject again; the revocation of a single token is final."""
        return RevocationBody.of(self._registry.lift(revocation_id, caller.name))
