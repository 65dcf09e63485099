"""The routes on plans."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from extauth.registry.plan import Plan
from extauth.registry.plans import PlanRegistry
from extauth.registry.rest.plan_bodies import CreatePlanBody, PlanBody, PlanPageBody, PlanQuery, UpdatePlanBody
from extauth.registry.rest.preconditions import IfMatch, expected_revisions, set_tag
from extauth.registry.rest.routing import Caller, failures, router_for

_INVALID, _ABSENT = HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND
_CONFLICT, _STALE = HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED


class PlanRoutes:
    """Plain functions, which run in threads, as those of KeyRoutes."""

    def __init__(self, registry: PlanRegistry) -> None:
        self._registry = registry

    def router(self) -> APIRouter:
        router = router_for("/v1/plans", "plans")
        add = router.add_api_route
        one = "/{name}"
        add("", self.create, methods=["POST"], status_code=201, responses=failures(_CONFLICT, _INVALID))
        add("", self.find, methods=["GET"], responses=failures(_INVALID))
        add(one, self.show, methods=["GET"], responses=failures(_ABSENT))
        add(one, self.update, methods=["PATCH"], responses=failures(_ABSENT, _STALE, _INVALID))
        add(one, self.delete, methods=["DELETE"], status_code=204, responses=failures(_ABSENT, _CONFLICT, _STALE))
        return router

    def create(self, body: CreatePlanBody, caller: Caller, response: Response) -> PlanBody:
        """Make a plan."""
        plan = self._registry.create(body.new_plan(), caller.name)
        response.headers["location"] = f"/v1/plans/{plan.name}"
        return _shown(plan, response)

    def find(self, query: Annotated[PlanQuery, Query()]) -> PlanPageBody:
        """List plans, in order of name."""
        return PlanPageBody.of(self._registry.find(query.text, query.limit, query.cursor))

    def show(self, name: str, response: Response) -> PlanBody:
        """Show one plan."""
        return _shown(self._registry.show(name), response)

    def update(
        self, name: str, caller: Caller, body: UpdatePlanBody, response: Response, if_match: IfMatch = None
    ) -> PlanBody:
        """Change description, limits or scopes. New limits reach all keys on the plan."""
        return _shown(self._registry.update(name, body.update(), caller.name, expected_revisions(if_match)), response)

    def delete(self, name: str, caller: Caller, if_match: IfMatch = None) -> None:
        """Remove a plan that no tenant and no key, unless it is revoked, is on."""
        self._registry.delete(name, caller.name, expected_revisions(if_match))


def _shown(plan: Plan, response: Response) -> PlanBody:
    set_tag(response, plan.revision)
    return PlanBody.of(plan)
