"""Signing in with an admin token, and out."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from extauth.registry import roles
from extauth.registry.console import session_cookie
from extauth.registry.console.app import SIGN_IN, Page
from extauth.registry.console.session import Sessions
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.errors import ForbiddenError
from extauth.registry.failures import FailureLimit
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.origin import network_of
from extauth.telemetry.logs import logger

_HOME = "/console/keys"
_log = logger(__name__)


class SignInPages:
    """Failures are counted together with those of the API, by address."""

    def __init__(self, sessions: Sessions, failures: FailureLimit, metrics: RegistryMetrics) -> None:
        self._sessions = sessions
        self._failures = failures
        self._metrics = metrics

    def pages(self) -> list[Page]:
        return [
            Page("GET", SIGN_IN, self.ask, None),
            Page("POST", SIGN_IN, self.sign_in, None),
            Page("POST", "/console/sign-out", self.sign_out, None),
        ]

    def ask(self, visit: Visit) -> Response:
        wanted = _safe(visit.query.get("next", ""))
        if visit.found is not None:
            return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        return _form(visit, wanted, ended="ended" in visit.query)

    def sign_in(self, visit: Visit) -> Response:
        wanted = _safe(visit.form.get("next", ""))
        network = network_of(visit.address)
        wait = self._failures.wait_for(network)
        if wait:
            self._metrics.refusals.labels("too_many_failures").inc()
            answer = _form(visit, wanted, "There were too many failures. Wait a moment.", HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["retry-after"] = str(int(wait) + 1)
            return answer
        cookie = self._sessions.begin(visit.form.get("token", "").strip())
        session = None if cookie is None else self._sessions.of(cookie)
        if cookie is None or session is None:
            self._failures.note(network)
            self._metrics.refusals.labels("invalid_token").inc()
            _log.warning("a token was refused at the console", address=visit.address)
            return _form(visit, wanted, "That token is not valid here. It may be expired or revoked.")
        try:
            roles.check(session.identity, roles.PERMISSIONS["GET", "/v1/keys"])
        except ForbiddenError:
            text = f"The role {session.identity.role.value} has nothing to see here. Use a viewer, editor or owner."
            return _form(visit, wanted, text, HTTPStatus.FORBIDDEN)
        answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        session_cookie.give(answer, cookie, over_tls=visit.over_tls)
        return answer

    def sign_out(self, visit: Visit) -> Response:
        answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        session_cookie.take(answer, over_tls=visit.over_tls)
        return answer


def _form(
    visit: Visit, wanted: str, problem: str = "", status: HTTPStatus | None = None, *, ended: bool = False
) -> Response:
    answered = status or (HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)
    return render(visit, "sign_in.html", answered, wanted=wanted, problem=problem, ended=ended)


def _safe(wanted: str) -> str:
    """A page of our own to go on to; anything else could be another site's."""
    plain = wanted.startswith("/console/") and wanted.isprintable() and "\\" not in wanted
    return wanted if plain and not wanted.startswith(SIGN_IN) else _HOME
