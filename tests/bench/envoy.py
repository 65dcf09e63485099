"""An Envoy as extauth configures it, with a listener for each way to check, and no upstream behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extauth.envoy.bootstrap import bootstrap
from extauth.envoy.parameters import EnvoyParameters

_NOWHERE = "127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Checked:
    """A listener. `server` answers its checks; None for no checks at all."""

    name: str
    server: str | None


def document(listeners: Mapping[str, Checked], admin: str) -> dict[str, Any]:
    """A bootstrap, by address to listen on. Routes answer by themselves, so that no upstream's time is measured."""
    made = [_one(address, checked, admin) for address, checked in listeners.items()]
    resources = [one["static_resources"] for one in made]
    merged = {name: [entry for one in resources for entry in one[name]] for name in ("listeners", "clusters")}
    return {**made[0], "static_resources": merged}


def _one(address: str, checked: Checked, admin: str) -> dict[str, Any]:
    parameters = EnvoyParameters(
        listen=address,
        admin=admin,
        sidecars=(checked.server or _NOWHERE,),
        upstream=_NOWHERE,
        identity_headers=("x-auth-key-id", "x-auth-tenant"),
    )
    made = bootstrap(parameters)
    (listener,) = made["static_resources"]["listeners"]
    listener["name"] = checked.name
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        del route["route"]
        route["direct_response"] = {"status": 200, "body": {"inline_string": "ok\n"}}
    ext_authz, router = manager["http_filters"]
    cluster = made["static_resources"]["clusters"][0]
    cluster["name"] = cluster["load_assignment"]["cluster_name"] = checked.name
    ext_authz["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] = checked.name
    manager["http_filters"] = [ext_authz, router] if checked.server else [router]
    made["static_resources"]["clusters"] = [cluster] if checked.server else []
    return made
