"""Making the demo's keys, by the registry's REST API as anyone would."""

from dataclasses import dataclass

from extauth.demo.errors import DemoError
from extauth.demo.scenario import DemoKey
from extauth.registry.client import Client, RefusedError, UnreachableError


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key with its secret."""

    variable: str
    id: str
    secret: str


def make_key(client: Client, key: DemoKey) -> MadeKey:
    body = {"name": key.name, "tenant": key.tenant, "scopes": list(key.scopes), "plan": key.plan}
    try:
        made = client.call("POST", "/v1/keys", body)
    except (RefusedError, UnreachableError) as error:
        raise DemoError(f"the registry did not make a key: {error}") from error
    return MadeKey(key.variable, made["id"], made["secret"])
