"""Making a key, and rotating one: both end on a page that shows a secret, once."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from extauth.registry import times
from extauth.registry.console.app import Page
from extauth.registry.console.choices import plan_names, tenant_ids
from extauth.registry.console.days import end_of
from extauth.registry.console.faults import NO_FAULTS, Faults, faults_of
from extauth.registry.console.key_access import key_of
from extauth.registry.console.limits_form import LimitRow, limits_in, rows_of, typed_rows
from extauth.registry.console.once import Issued, issue_once, new_once
from extauth.registry.console.scopes_form import scopes_in
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, FieldProblem, ForbiddenError, InvalidError
from extauth.registry.idempotency import IdempotentAnswers
from extauth.registry.key import Key, NewKey
from extauth.registry.operations import KeyRegistry
from extauth.registry.plans import PlanRegistry
from extauth.registry.tenants import TenantRegistry

_NEW = "/console/keys/new"
_ROTATE = "/console/keys/{key_id}/rotate"
_USUAL_LIFE = 90 * 86_400_000
_GRACES = {"0": "at once", "3600": "after an hour", "86400": "after a day", "604800": "after a week"}
"""Seconds that the old key lives on."""


class IssuePages:
    def __init__(
        self, registry: KeyRegistry, tenants: TenantRegistry, plans: PlanRegistry, answers: IdempotentAnswers
    ) -> None:
        self._registry = registry
        self._tenants = tenants
        self._plans = plans
        self._answers = answers

    def pages(self) -> list[Page]:
        make, rotate = ("POST", "/v1/keys"), ("POST", "/v1/keys/{key_id}/rotate")
        return [
            Page("GET", _NEW, self.ask, make),
            Page("POST", _NEW, self.create, make),
            Page("GET", _ROTATE, self.ask_rotate, rotate),
            Page("POST", _ROTATE, self.rotate, rotate),
        ]

    def ask(self, visit: Visit) -> Response:
        expires_on = times.to_rfc3339(self._registry.clock() + _USUAL_LIFE)[:10]
        given = {"tenant": visit.query.get("tenant", ""), "expires_on": expires_on, "once": new_once()}
        return self._form(visit, given, rows_of(()))

    def create(self, visit: Visit) -> Response:
        form, identity = visit.form, visit.identity
        try:
            new = _new_key(visit)
            existing = identity.tenant is not None
            made = issue_once(
                visit, self._answers, lambda: self._registry.create(new, identity.name, existing=existing)
            )
        except (InvalidError, ConflictError) as error:
            return self._form(visit, form, typed_rows(form), faults_of(error, {"expires_at": "expires_on"}))
        return _secret(visit, made, None)

    def ask_rotate(self, visit: Visit) -> Response:
        return self._rotation(visit, key_of(visit, self._registry))

    def rotate(self, visit: Visit) -> Response:
        key, identity = key_of(visit, self._registry), visit.identity
        grace = visit.form.get("grace", "")
        if grace not in _GRACES:
            problem = FieldProblem("grace", "is not one of these", "choose one of the list")
            return self._rotation(visit, key, problem)
        person = visit.session.person
        made = issue_once(
            visit, self._answers, lambda: self._registry.rotate(key.id, float(grace), person, identity.name)
        )
        return _secret(visit, made, key)

    def _form(
        self, visit: Visit, given: Mapping[str, str], rows: list[LimitRow], faults: Faults = NO_FAULTS
    ) -> Response:
        choices = {"plans": plan_names(visit, self._plans), "tenants": tenant_ids(visit, self._tenants)}
        return render(visit, "new_key.html", faults.status, form=given, rows=rows, faults=faults, **choices)

    def _rotation(self, visit: Visit, key: Key, problem: FieldProblem | None = None) -> Response:
        status = HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY
        once = new_once()
        return render(visit, "rotate.html", status, key=key, graces=_GRACES, problem=problem, once=once)


def _new_key(visit: Visit) -> NewKey:
    """As the REST operation has it: a tenant's own people say neither plan nor limits. InvalidError, ForbiddenError."""
    form, identity = visit.form, visit.identity
    tenant = form.get("tenant", "").strip() or identity.tenant or ""
    identity.narrow(tenant)
    plan, limits = form.get("plan", "").strip(), limits_in(form)
    if (plan or limits) and identity.tenant is not None:
        remedy = "leave plan and limits out"
        raise ForbiddenError("an identity of one tenant may not say how much its keys may use", remedy)
    return NewKey(
        name=form.get("name", "").strip(),
        tenant=tenant,
        created_by=visit.session.person,
        scopes=scopes_in(form) or None,
        plan=plan,
        limits=limits,
        expires_at=end_of(form.get("expires_on", "").strip()),
    )


def _secret(visit: Visit, made: Issued, old: Key | None) -> Response:
    return render(visit, "secret.html", HTTPStatus.CREATED, made=made, old=old)
