"""Changing a key: what it is called, what it may do, how much and until when."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from extauth.registry import times
from extauth.registry.console.app import Page
from extauth.registry.console.choices import plan_names
from extauth.registry.console.days import end_of
from extauth.registry.console.faults import NO_FAULTS, Faults, faults_of
from extauth.registry.console.key_access import key_of
from extauth.registry.console.limits_form import LimitRow, limits_in, rows_of, typed_rows
from extauth.registry.console.revision import expected
from extauth.registry.console.scopes_form import scopes_in
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, ForbiddenError, InvalidError, StaleError
from extauth.registry.key import UNCHANGED, Key, KeyUpdate
from extauth.registry.operations import KeyRegistry
from extauth.registry.plans import PlanRegistry

_EDIT = "/console/keys/{key_id}/edit"
_CHANGE = ("PATCH", "/v1/keys/{key_id}")


class KeyEditPage:
    def __init__(self, registry: KeyRegistry, plans: PlanRegistry) -> None:
        self._registry = registry
        self._plans = plans

    def pages(self) -> list[Page]:
        return [Page("GET", _EDIT, self.ask, _CHANGE), Page("POST", _EDIT, self.edit, _CHANGE)]

    def ask(self, visit: Visit) -> Response:
        key = key_of(visit, self._registry)
        if key.revoked_at is not None:
            raise ConflictError("is revoked, which is final", "make a new one")
        given = {
            "name": key.name,
            "scopes": " ".join(key.scopes),
            "plan": key.plan,
            "expires_on": _day_of(key.expires_at),
            "revision": str(key.revision),
        }
        return self._form(visit, key, given, rows_of(key.limits))

    def edit(self, visit: Visit) -> Response:
        key, form = key_of(visit, self._registry), visit.form
        try:
            self._registry.update(key.id, _update(visit, key), visit.identity.name, expected(form))
        except (InvalidError, ConflictError, StaleError) as error:
            faults = faults_of(error, {"expires_at": "expires_on"})
            return self._form(visit, key, form, typed_rows(form), faults)
        return RedirectResponse(f"/console/keys/{key.id}?done=changed", HTTPStatus.SEE_OTHER)

    def _form(
        self, visit: Visit, key: Key, given: Mapping[str, str], rows: list[LimitRow], faults: Faults = NO_FAULTS
    ) -> Response:
        names = plan_names(visit, self._plans)
        return render(visit, "key_form.html", faults.status, key=key, form=given, rows=rows, faults=faults, plans=names)


def _update(visit: Visit, key: Key) -> KeyUpdate:
    """How much a tenant may use is not for its own people to say: ForbiddenError. InvalidError."""
    form = visit.form
    own = visit.identity.tenant is not None
    if own and any(name == "plan" or name.startswith("limit-") for name in form):
        raise ForbiddenError("an identity of one tenant may not say how much its keys may use", "ask an administrator")
    day = form.get("expires_on", "").strip()
    return KeyUpdate(
        name=form.get("name", "").strip(),
        scopes=scopes_in(form),
        plan=None if own else form.get("plan", "").strip(),
        limits=None if own else limits_in(form),
        expires_at=UNCHANGED if day == _day_of(key.expires_at) else end_of(day),  # the hour is not in the form
    )


def _day_of(at: int | None) -> str:
    return "" if at is None else times.to_rfc3339(at)[:10]
