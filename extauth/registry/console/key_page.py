"""The page of one key: what it is, what it may use, how it was used and what was done to it; and ending it."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import RedirectResponse, Response

from extauth.registry.audit_listing import AuditFilter, AuditTrail
from extauth.registry.console.app import Page
from extauth.registry.console.charts import bars
from extauth.registry.console.key_access import key_of
from extauth.registry.console.limit_sources import limits_in_force
from extauth.registry.console.usage_series import UsageSeries
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, FieldProblem, InvalidError
from extauth.registry.key import Key
from extauth.registry.operations import KeyRegistry
from extauth.registry.tenants import TenantRegistry
from extauth.registry.usage_tables import Resolution

_ONE = "/console/keys/{key_id}"
_API = "/v1/keys/{key_id}"
_HISTORY = 50
_SPANS: Mapping[str, tuple[Resolution, int]] = {"hours": ("hour", 24), "days": ("day", 30)}
_DONE = {
    "changed": "The changes are saved.",
    "revoked": "The key is revoked. Sidecars refuse it from now on.",
    "disabled": "The key is switched off.",
    "enabled": "The key is switched on again.",
}


class KeyPage:
    def __init__(self, registry: KeyRegistry, tenants: TenantRegistry, usage: UsageSeries, trail: AuditTrail) -> None:
        self._registry = registry
        self._tenants = tenants
        self._usage = usage
        self._trail = trail

    def pages(self) -> list[Page]:
        return [
            Page("GET", _ONE, self.show, ("GET", _API)),
            Page("GET", f"{_ONE}/revoke", self.ask_revoke, ("POST", f"{_API}/revoke")),
            Page("POST", f"{_ONE}/revoke", self.revoke, ("POST", f"{_API}/revoke")),
            Page("POST", f"{_ONE}/disable", self.disable, ("POST", f"{_API}/disable")),
            Page("POST", f"{_ONE}/enable", self.enable, ("POST", f"{_API}/enable")),
        ]

    def show(self, visit: Visit) -> Response:
        key = key_of(visit, self._registry)
        span = visit.query.get("span", "days")
        span = span if span in _SPANS else "days"
        counts = self._usage.of([key.id], *_SPANS[span])[key.id]
        history = self._trail.find(AuditFilter(target=key.id), _HISTORY)
        return render(
            visit,
            "key.html",
            key=key,
            state=key.state(self._registry.clock()),
            chart=bars(counts),
            limits=limits_in_force(key, self._tenants),
            span=span,
            history=[entry for entry in history.entries if entry.kind == "key"],
            has_more=bool(history.next_cursor),
            done=_DONE.get(visit.query.get("done", ""), ""),
        )

    def ask_revoke(self, visit: Visit) -> Response:
        return self._revocation(visit, key_of(visit, self._registry))

    def revoke(self, visit: Visit) -> Response:
        """The name has to be typed, so that nobody revokes another key than they mean to."""
        key = key_of(visit, self._registry)
        try:
            _check_name(key, visit.form.get("name", ""))
            self._registry.revoke(key.id, visit.form.get("reason", "").strip(), visit.identity.name)
        except InvalidError as error:
            return self._revocation(visit, key, HTTPStatus.UNPROCESSABLE_ENTITY, problems=by_field(error.problems))
        return _back(key, "revoked")

    def disable(self, visit: Visit) -> Response:
        return self._switch(visit, self._registry.disable, "disabled")

    def enable(self, visit: Visit) -> Response:
        return self._switch(visit, self._registry.enable, "enabled")

    def _switch(self, visit: Visit, operation: Callable[[str, str], Key], done: str) -> Response:
        key = key_of(visit, self._registry)
        operation(key.id, visit.identity.name)
        return _back(key, done)

    def _revocation(self, visit: Visit, key: Key, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:  # noqa: ANN401 (for the template)
        if key.revoked_at is not None:
            raise ConflictError("is revoked already", "there is nothing left to do")
        usual: dict[str, Any] = {"problems": {}}
        return render(visit, "revoke.html", status, key=key, form=visit.form, **usual | values)


def _check_name(key: Key, typed: str) -> None:
    if typed.strip() != key.name.strip():
        raise InvalidError([FieldProblem("name", "is not the name of this key", "type it as it stands above")])


def _back(key: Key, done: str) -> Response:
    return RedirectResponse(f"/console/keys/{key.id}?done={done}", HTTPStatus.SEE_OTHER)
