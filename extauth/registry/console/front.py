"""Which application a request is for: the console or the API."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Front:
    """ASGI: the console has `/` and all below /console, the API the rest."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self.api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        for_people = path in {"/", "/console"} or path.startswith("/console/")
        await (self._console if for_people else self.api)(scope, receive, send)
