"""Signing in with an admin token, and out."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from extauth.registry import roles
from extauth.registry.console import session_cookie
from extauth.registry.console.app import SIGN_IN, Page
from extauth.registry.console.sign_in_form import Door, safe
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ForbiddenError
from extauth.registry.origin import network_of
from extauth.telemetry.logs import logger

_log = logger(__name__)


class SignInPages:
    def __init__(self, door: Door) -> None:
        self._door = door

    def pages(self) -> list[Page]:
        return [
            Page("GET", SIGN_IN, self.ask, None),
            Page("POST", SIGN_IN, self.sign_in, None),
            Page("POST", "/console/sign-out", self.sign_out, None),
        ]

    def ask(self, visit: Visit) -> Response:
        wanted = safe(visit.query.get("next", ""))
        if visit.found is not None:
            return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        return self._door.form.show(visit, wanted, ended="ended" in visit.query)

    def sign_in(self, visit: Visit) -> Response:
        wanted = safe(visit.form.get("next", ""))
        network = network_of(visit.address)
        wait = self._door.failures.wait_for(network)
        if wait:
            self._door.metrics.refusals.labels("too_many_failures").inc()
            answer = self._door.form.show(
                visit, wanted, "There were too many failures. Wait a moment.", HTTPStatus.TOO_MANY_REQUESTS
            )
            answer.headers["retry-after"] = str(int(wait) + 1)
            return answer
        cookie = self._door.sessions.begin(visit.form.get("token", "").strip())
        session = None if cookie is None else self._door.sessions.of(cookie)
        if cookie is None or session is None:
            self._door.failures.note(network)
            self._door.metrics.refusals.labels("invalid_token").inc()
            _log.warning("a token was refused at the console", address=visit.address)
            return self._door.form.show(visit, wanted, "That token is not valid here. It may be expired or revoked.")
        try:
            roles.check(session.identity, roles.PERMISSIONS["GET", "/v1/keys"])
        except ForbiddenError:
            text = f"The role {session.identity.role.value} has nothing to see here. Use a viewer, editor or owner."
            return self._door.form.show(visit, wanted, text, HTTPStatus.FORBIDDEN)
        answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        session_cookie.give(answer, cookie, over_tls=visit.over_tls)
        return answer

    def sign_out(self, visit: Visit) -> Response:
        answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        session_cookie.take(answer, over_tls=visit.over_tls)
        return answer
