"""Signing in with an OpenID provider: sending people there, and letting in who comes back."""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from extauth.registry.console import oidc_attempt, session_cookie
from extauth.registry.console.app import Page
from extauth.registry.console.oidc_attempt import Attempt, attempt_of, new_attempt
from extauth.registry.console.oidc_people import OidcPeople
from extauth.registry.console.oidc_provider import OidcProvider, ProviderAwayError, SignInRefusedError
from extauth.registry.console.oidc_settings import RETURN_PATH
from extauth.registry.console.sign_in_form import Door, safe
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.origin import network_of
from extauth.telemetry.logs import logger

_LONGEST = 4096  # characters of a code
_log = logger(__name__)


class OidcPages:
    def __init__(self, provider: OidcProvider, people: OidcPeople, door: Door) -> None:
        self._provider = provider
        self._people = people
        self._door = door
        self._sessions = door.sessions
        self._form = door.form

    def pages(self) -> list[Page]:
        return [Page("GET", "/console/oidc/start", self.begin, None), Page("GET", RETURN_PATH, self.arrive, None)]

    def begin(self, visit: Visit) -> Response:
        attempt = new_attempt(safe(visit.query.get("next", "")), self._sessions.now())
        answer = RedirectResponse(self._provider.address(attempt), HTTPStatus.SEE_OTHER)
        oidc_attempt.give(answer, attempt, self._sessions, over_tls=visit.over_tls)
        return answer

    def arrive(self, visit: Visit) -> Response:
        """An attempt is for one arrival, however that ends."""
        answer = self._arrival(visit)
        oidc_attempt.take(answer, over_tls=visit.over_tls)
        return answer

    def _arrival(self, visit: Visit) -> Response:
        network = network_of(visit.address)
        if self._door.failures.wait_for(network):
            self._door.metrics.refusals.labels("too_many_failures").inc()
            text = "There were too many failures. Wait a moment."
            return self._form.refuse(visit, text, HTTPStatus.TOO_MANY_REQUESTS)
        attempt = self._attempt(visit)
        if attempt is None:
            text = "This sign-in was not begun here, or too long ago. Begin again."
            return self._form.refuse(visit, text, HTTPStatus.BAD_REQUEST)
        try:
            return self._let_in(visit, attempt)
        except SignInRefusedError as error:
            self._door.failures.note(network)
            self._door.metrics.refusals.labels("invalid_token").inc()
            _log.warning("a sign-in was refused", address=visit.address, error=str(error))
            return self._form.refuse(visit, "Your organization did not sign you in. Begin again.", HTTPStatus.FORBIDDEN)
        except ProviderAwayError as error:
            _log.warning("the provider of sign-ins is away", error=str(error))
            text = "The sign-in of your organization does not answer. Try again in a moment, or use an admin token."
            return self._form.refuse(visit, text, HTTPStatus.SERVICE_UNAVAILABLE)

    def _attempt(self, visit: Visit) -> Attempt | None:
        cookies, state = visit.request.cookies, visit.query.get("state", "")
        found = (attempt_of(cookies.get(name, ""), state, self._sessions) for name in oidc_attempt.COOKIES)
        return next(filter(None, found), None)

    def _let_in(self, visit: Visit, attempt: Attempt) -> Response:
        code = visit.query.get("code", "")
        if not code or len(code) > _LONGEST:
            raise SignInRefusedError("there is no code")  # but an error, which the provider has told already
        claims = self._provider.claims(code, attempt, visit.query.get("iss"))
        person = self._people.person(claims)
        if person is None:
            _log.warning("a sign-in has no grant", address=visit.address)
            text = "You are signed in there, but nothing here is granted to you. Ask who runs this registry."
            return self._form.refuse(visit, text, HTTPStatus.FORBIDDEN)
        _log.info("signed in", actor=person.subject, address=visit.address)
        # Not a redirect: that would still be a step from another site, on which no strict cookie is sent.
        answer = render(visit, "signed_in.html", wanted=attempt.wanted)
        session_cookie.give(answer, self._sessions.begin_for(person), over_tls=visit.over_tls)
        return answer
