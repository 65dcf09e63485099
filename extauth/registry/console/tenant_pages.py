"""One tenant: what it is called, its plan and its limits; making one, changing it, and refusing all of its keys."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from extauth.registry.console.app import Page
from extauth.registry.console.choices import plan_names
from extauth.registry.console.faults import NO_FAULTS, Faults, faults_of
from extauth.registry.console.limits_form import LimitRow, limits_in, rows_of, typed_rows
from extauth.registry.console.revision import expected
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, InvalidError, NotFoundError, StaleError
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenant import NewTenant, Tenant, TenantUpdate
from extauth.registry.tenants import TenantRegistry

_NEW = "/console/new-tenant"
"""Not below /console/tenants: a tenant may be called `new`."""
_ONE, _API = "/console/tenants/{tenant_id}", "/v1/tenants/{tenant_id}"
_DONE = {
    "made": "The tenant is there.",
    "changed": "The changes are saved.",
    "suspended": "The tenant is suspended. Sidecars refuse its keys from now on.",
    "resumed": "The tenant is active again, and so are its keys.",
}


class TenantPages:
    def __init__(self, tenants: TenantRegistry, plans: PlanRegistry) -> None:
        self._tenants = tenants
        self._plans = plans

    def pages(self) -> list[Page]:
        make, change = ("POST", "/v1/tenants"), ("PATCH", _API)
        return [
            Page("GET", _NEW, self.ask, make),
            Page("POST", _NEW, self.create, make),
            Page("GET", _ONE, self.show, ("GET", _API)),
            Page("GET", f"{_ONE}/edit", self.ask_edit, change),
            Page("POST", f"{_ONE}/edit", self.edit, change),
            Page("GET", f"{_ONE}/suspend", self.ask_suspend, ("POST", f"{_API}/suspend")),
            Page("POST", f"{_ONE}/suspend", self.suspend, ("POST", f"{_API}/suspend")),
            Page("POST", f"{_ONE}/resume", self.resume, ("POST", f"{_API}/resume")),
        ]

    def show(self, visit: Visit) -> Response:
        done = _DONE.get(visit.query.get("done", ""), "")
        return render(visit, "tenant.html", tenant=self._tenant(visit), done=done)

    def ask(self, visit: Visit) -> Response:
        return self._form(visit, {}, rows_of(()))

    def create(self, visit: Visit) -> Response:
        form = _stripped(visit.form)
        try:
            new = NewTenant(form.get("id", ""), form.get("name", ""), form.get("plan", ""), limits_in(form))
            tenant = self._tenants.create(new, visit.identity.name)
        except (InvalidError, ConflictError) as error:
            return self._form(visit, form, typed_rows(form), faults=faults_of(error))
        return _back(tenant.id, "made")

    def ask_edit(self, visit: Visit) -> Response:
        tenant = self._tenant(visit)
        given = {"name": tenant.name, "plan": tenant.plan, "revision": str(tenant.revision)}
        return self._form(visit, given, rows_of(tenant.limits), tenant)

    def edit(self, visit: Visit) -> Response:
        tenant, form = self._tenant(visit), _stripped(visit.form)
        try:
            update = TenantUpdate(form.get("name", ""), form.get("plan", ""), limits_in(form))
            self._tenants.update(tenant.id, update, visit.identity.name, expected(form))
        except (InvalidError, StaleError) as error:
            return self._form(visit, form, typed_rows(form), tenant, faults_of(error))
        return _back(tenant.id, "changed")

    def ask_suspend(self, visit: Visit) -> Response:
        return render(visit, "suspend.html", tenant=self._tenant(visit), form={}, problems={})

    def suspend(self, visit: Visit) -> Response:
        tenant = self._tenant(visit)
        try:
            self._tenants.suspend(tenant.id, visit.form.get("reason", "").strip(), visit.identity.name)
        except InvalidError as error:
            faults = faults_of(error)
            return render(
                visit, "suspend.html", faults.status, tenant=tenant, form=visit.form, problems=faults.problems
            )
        return _back(tenant.id, "suspended")

    def resume(self, visit: Visit) -> Response:
        tenant = self._tenant(visit)
        self._tenants.resume(tenant.id, visit.identity.name)
        return _back(tenant.id, "resumed")

    def _tenant(self, visit: Visit) -> Tenant:
        """NotFoundError for another one's, as if it were not there."""
        tenant = self._tenants.show(visit.request.path_params["tenant_id"])
        if not visit.identity.sees(tenant.id):
            raise NotFoundError("tenant")
        return tenant

    def _form(
        self,
        visit: Visit,
        given: Mapping[str, str],
        rows: list[LimitRow],
        tenant: Tenant | None = None,
        faults: Faults = NO_FAULTS,
    ) -> Response:
        names = plan_names(visit, self._plans)
        values = {"form": given, "rows": rows, "tenant": tenant, "faults": faults, "plans": names}
        return render(visit, "tenant_form.html", faults.status, **values)


def _stripped(form: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value.strip() for name, value in form.items()}


def _back(tenant_id: str, done: str) -> Response:
    return RedirectResponse(f"/console/tenants/{tenant_id}?done={done}", HTTPStatus.SEE_OTHER)
