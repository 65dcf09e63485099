"""Making a key, and rotating one: both end on a page that shows a secret, once."""

import re
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from extauth.registry import times
from extauth.registry.console.app import Page
from extauth.registry.console.key_access import key_of
from extauth.registry.console.view import by_field, render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ConflictError, FieldProblem, ForbiddenError, InvalidError, RegistryError
from extauth.registry.key import IssuedKey, Key, NewKey
from extauth.registry.operations import KeyRegistry

_NEW = "/console/keys/new"
_ROTATE = "/console/keys/{key_id}/rotate"
_SEPARATORS = re.compile(r"[\s,]+")
_DAY = 86_400_000
_USUAL_LIFE = 90 * _DAY
_GRACES = {"0": "at once", "3600": "after an hour", "86400": "after a day", "604800": "after a week"}
"""Seconds that the old key lives on."""


class IssuePages:
    def __init__(self, registry: KeyRegistry) -> None:
        self._registry = registry

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
        given = {"tenant": visit.query.get("tenant", ""), "expires_on": expires_on}
        return self._form(visit, given)

    def create(self, visit: Visit) -> Response:
        """As the REST operation does it: a tenant's own people say neither plan nor limits, and make no tenants."""
        form, identity = visit.form, visit.identity
        tenant = form.get("tenant", "").strip() or identity.tenant or ""
        identity.narrow(tenant)
        if form.get("plan", "").strip() and identity.tenant is not None:
            raise ForbiddenError(
                "an identity of one tenant may not say how much its keys may use", "leave the plan out"
            )
        try:
            issued = self._registry.create(
                NewKey(
                    name=form.get("name", "").strip(),
                    tenant=tenant,
                    created_by=visit.session.person,
                    scopes=tuple(filter(None, _SEPARATORS.split(form.get("scopes", "")))) or None,
                    plan=form.get("plan", "").strip(),
                    expires_at=_end_of(form.get("expires_on", "").strip()),
                ),
                identity.name,
                existing=identity.tenant is not None,
            )
        except (InvalidError, ConflictError) as error:
            return self._form(visit, form, error)
        return _secret(visit, issued, None)

    def ask_rotate(self, visit: Visit) -> Response:
        return self._rotation(visit, key_of(visit, self._registry))

    def rotate(self, visit: Visit) -> Response:
        key = key_of(visit, self._registry)
        grace = visit.form.get("grace", "")
        if grace not in _GRACES:
            problem = FieldProblem("grace", "is not one of these", "choose one of the list")
            return self._rotation(visit, key, problem)
        issued = self._registry.rotate(key.id, float(grace), visit.session.person, visit.identity.name)
        return _secret(visit, issued, key)

    @staticmethod
    def _form(visit: Visit, given: Any, error: RegistryError | None = None) -> Response:  # noqa: ANN401 (a form)
        status, problems, conflict = HTTPStatus.OK, {}, ""
        if isinstance(error, InvalidError):
            status, problems = HTTPStatus.UNPROCESSABLE_ENTITY, dict(by_field(error.problems))
            if "expires_at" in problems:  # what the form asks for is a day
                problems["expires_on"] = problems.pop("expires_at")
        elif isinstance(error, ConflictError):
            status = HTTPStatus.CONFLICT
            conflict = f"The {error.kind} {error.problem.message}: {error.problem.remedy}."
        return render(visit, "new_key.html", status, form=given, problems=problems, conflict=conflict)

    def _rotation(self, visit: Visit, key: Key, problem: FieldProblem | None = None) -> Response:
        status = HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY
        return render(visit, "rotate.html", status, key=key, graces=_GRACES, problem=problem)


def _secret(visit: Visit, issued: IssuedKey, old: Key | None) -> Response:
    return render(visit, "secret.html", HTTPStatus.CREATED, key=issued.key, secret=issued.secret, old=old)


def _end_of(day: str) -> int | None:
    """The last moment of a day, in UTC; None for an empty text. InvalidError."""
    if not day:
        return None
    try:
        return times.from_rfc3339(f"{day}T00:00:00Z") + _DAY - 1
    except ValueError:
        problem = FieldProblem("expires_at", "is not a day", "write it as 2027-01-31, or leave it empty")
        raise InvalidError([problem]) from None
