"""The variants of the Check path: what handles a check, on which transport, straight or through Envoy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.bench.envoy import Checked
from tests.bench.load.requests import checks, gets
from tests.bench.measure import ENVOY, SERVER, Variant
from tests.bench.messages import HEADERS, KEY_HEADER, check_request
from tests.bench.servers import Server, Site, start_do_nothing, start_envoy, start_sidecar
from tests.bench.settings import path_of

TRANSPORTS = ("lean", "stock")
NOTHING = "nothing"
"""The handler that reads nothing and allows everything."""
UNCHECKED = "unchecked"
"""The listener of Envoy that asks nobody."""

_DIRECT_CONNECTIONS, _DIRECT_IN_FLIGHT = 2, 16  # as an Envoy with two workers has
_ENVOY_CONNECTIONS, _ENVOY_IN_FLIGHT = 8, 8  # enough for both workers to get some


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    site: Site
    sidecars: Mapping[str, Server]
    """By transport."""
    do_nothing: Mapping[str, Server]
    envoy: Mapping[str, Server]
    """Listeners, by what checks for them."""


def start(site: Site) -> Stage:
    sidecars = {name: start_sidecar(site, f"sidecar-{name}", {"listen": {"transport": name}}) for name in TRANSPORTS}
    do_nothing = {name: start_do_nothing(site, f"nothing-{name}", name) for name in TRANSPORTS}
    checked = [
        Checked(UNCHECKED, None),
        Checked(f"{NOTHING} stock", do_nothing["stock"].address),
        *(Checked(f"full {name}", server.address) for name, server in sidecars.items()),
    ]
    return Stage(site, sidecars, do_nothing, start_envoy(site, checked))


def direct_name(handler: str, transport: str) -> str:
    return f"{handler}, {transport}"


def envoy_name(handler: str, transport: str = "") -> str:
    return f"Envoy, {handler}, {transport}" if transport else f"Envoy, {handler}"


def direct(site: Site, handler: str, transport: str, server: Server, *, limits: str, raw: bool = False) -> Variant:
    """Check calls on the server's own socket."""
    messages = [check_request(key, path_of(limits), raw=raw) for key in site.keys]
    requests = checks(server.address, messages)
    processes = {SERVER: server.process}
    return Variant(direct_name(handler, transport), requests, processes, _DIRECT_CONNECTIONS, _DIRECT_IN_FLIGHT)


def direct_variants(stage: Stage, limits: Iterable[str]) -> Iterator[Variant]:
    for transport in TRANSPORTS:
        yield direct(stage.site, NOTHING, transport, stage.do_nothing[transport], limits="none")
    for one in limits:
        for transport in TRANSPORTS:
            yield direct(stage.site, one, transport, stage.sidecars[transport], limits=one)


def envoy_variants(stage: Stage, limits: Iterable[str]) -> Iterator[Variant]:
    yield _through_envoy(stage, UNCHECKED, "", UNCHECKED, {}, "none")
    yield _through_envoy(
        stage, NOTHING, "stock", f"{NOTHING} stock", {SERVER: stage.do_nothing["stock"].process}, "none"
    )
    for one in limits:
        for transport in TRANSPORTS:
            processes = {SERVER: stage.sidecars[transport].process}
            yield _through_envoy(stage, one, transport, f"full {transport}", processes, one)


def _through_envoy(
    stage: Stage, handler: str, transport: str, listener: str, processes: Mapping[str, int], limits: str
) -> Variant:
    """GETs, which Envoy has checked and answers by itself."""
    server = stage.envoy[listener]
    requests = gets(f"http://{server.address}{path_of(limits)}", HEADERS, KEY_HEADER, stage.site.keys)
    everything = {**processes, ENVOY: server.process}
    return Variant(envoy_name(handler, transport), requests, everything, _ENVOY_CONNECTIONS, _ENVOY_IN_FLIGHT)
