"""The page on which one signs in, with an admin token or, where there is one, with a provider."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from extauth.registry.console.app import SIGN_IN
from extauth.registry.console.session import Sessions
from extauth.registry.console.view import render
from extauth.registry.console.visit import Visit
from extauth.registry.failures import FailureLimit
from extauth.registry.metrics import RegistryMetrics

_HOME = "/console/keys"


class SignInForm:
    def __init__(self, *, with_provider: bool) -> None:
        self._with_provider = with_provider

    def show(
        self, visit: Visit, wanted: str, problem: str = "", status: HTTPStatus | None = None, *, ended: bool = False
    ) -> Response:
        """`problem` stands at the field of the token, `wanted` is where to go on to."""
        answered = status or (HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)
        return self._rendered(visit, answered, wanted=wanted, problem=problem, ended=ended, refusal="")

    def refuse(self, visit: Visit, text: str, status: HTTPStatus) -> Response:
        """Somebody came back from the provider and is not let in."""
        return self._rendered(visit, status, wanted=_HOME, problem="", ended=False, refusal=text)

    def _rendered(self, visit: Visit, status: HTTPStatus, *, wanted: str, **values: str | bool) -> Response:
        return render(visit, "sign_in.html", status, wanted=wanted, with_provider=self._with_provider, **values)


@dataclass(frozen=True, slots=True)
class Door:
    """What all ways of signing in have in common; failures are counted together with those of the API, by address."""

    sessions: Sessions
    failures: FailureLimit
    metrics: RegistryMetrics
    form: SignInForm


def safe(wanted: str) -> str:
    """A page of our own to go on to; anything else could be another site's."""
    plain = wanted.startswith("/console/") and wanted.isprintable() and "\\" not in wanted
    return wanted if plain and not wanted.startswith((SIGN_IN, "/console/oidc/")) else _HOME
