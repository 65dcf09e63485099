"""Plans: the list, one plan, making one and changing it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import RedirectResponse, Response

from extauth.registry.console.addresses import address
from extauth.registry.console.app import Page
from extauth.registry.console.faults import NO_FAULTS, Faults, faults_of
from extauth.registry.console.limits_form import LimitRow, limits_in, rows_of, typed_rows
from extauth.registry.console.revision import expected
from extauth.registry.console.scopes_form import scopes_in
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, InvalidError, StaleError
from extauth.registry.plan import NewPlan, Plan, PlanUpdate
from extauth.registry.plans import PlanRegistry

_LIST, _NEW = "/console/plans", "/console/new-plan"
_ONE, _API = "/console/plans/{name}", "/v1/plans/{name}"
_PAGE = 25
_DONE = {
    "made": "The plan is there.",
    "changed": "The changes are saved. New limits reach the keys on the plan within moments.",
}


class PlanPages:
    def __init__(self, plans: PlanRegistry) -> None:
        self._plans = plans

    def pages(self) -> list[Page]:
        make, change = ("POST", "/v1/plans"), ("PATCH", _API)
        return [
            Page("GET", _LIST, self.show_all, ("GET", "/v1/plans")),
            Page("GET", _NEW, self.ask, make),
            Page("POST", _NEW, self.create, make),
            Page("GET", _ONE, self.show, ("GET", _API)),
            Page("GET", f"{_ONE}/edit", self.ask_edit, change),
            Page("POST", f"{_ONE}/edit", self.edit, change),
        ]

    def show_all(self, visit: Visit) -> Response:
        asked = {"text": visit.query.get("text", "").strip()}
        cursor = visit.query.get("cursor", "")
        values: dict[str, Any] = {"asked": asked, "filtered": bool(asked["text"]), "is_first": not cursor}
        values |= {"first_address": address(_LIST, asked)}
        try:
            page = self._plans.find(asked["text"], _PAGE, cursor)
        except InvalidError as error:
            values |= {"plans": [], "following": "", "problems": by_field(error.problems)}
            return render(visit, "plans.html", HTTPStatus.UNPROCESSABLE_ENTITY, **values)
        following = address(_LIST, asked, cursor=page.next_cursor) if page.next_cursor else ""
        return render(visit, "plans.html", plans=page.items, following=following, problems={}, **values)

    def show(self, visit: Visit) -> Response:
        done = _DONE.get(visit.query.get("done", ""), "")
        return render(visit, "plan.html", plan=self._plan(visit), done=done)

    def ask(self, visit: Visit) -> Response:
        return _form(visit, {}, rows_of(()))

    def create(self, visit: Visit) -> Response:
        form = visit.form
        try:
            new = NewPlan(
                form.get("name", "").strip(), form.get("description", "").strip(), limits_in(form), scopes_in(form)
            )
            plan = self._plans.create(new, visit.identity.name)
        except (InvalidError, ConflictError) as error:
            return _form(visit, form, typed_rows(form), faults=faults_of(error))
        return _back(plan.name, "made")

    def ask_edit(self, visit: Visit) -> Response:
        plan = self._plan(visit)
        given = {"description": plan.description, "scopes": " ".join(plan.scopes), "revision": str(plan.revision)}
        return _form(visit, given, rows_of(plan.limits), plan)

    def edit(self, visit: Visit) -> Response:
        plan, form = self._plan(visit), visit.form
        try:
            update = PlanUpdate(form.get("description", "").strip(), limits_in(form), scopes_in(form))
            self._plans.update(plan.name, update, visit.identity.name, expected(form))
        except (InvalidError, StaleError) as error:
            return _form(visit, form, typed_rows(form), plan, faults_of(error))
        return _back(plan.name, "changed")

    def _plan(self, visit: Visit) -> Plan:
        return self._plans.show(visit.request.path_params["name"])


def _form(
    visit: Visit, given: Mapping[str, str], rows: list[LimitRow], plan: Plan | None = None, faults: Faults = NO_FAULTS
) -> Response:
    return render(visit, "plan_form.html", faults.status, form=given, rows=rows, plan=plan, faults=faults)


def _back(name: str, done: str) -> Response:
    return RedirectResponse(f"/console/plans/{name}?done={done}", HTTPStatus.SEE_OTHER)
