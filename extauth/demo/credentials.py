"""Making the demo's keys, by the registry's REST API as anyone would, and its tokens."""

import uuid
from dataclasses import dataclass

from extauth.demo.errors import DemoError
from extauth.demo.scenario import DemoKey, DemoToken
from extauth.demo.token_issuer import TokenIssuer
from extauth.registry import times
from extauth.registry.client import Client, RefusedError, UnreachableError


@dataclass(frozen=True, slots=True)
class MadeCredential:
    """A key with its secret, or a token."""

    variable: str
    id: str
    """Of a key; `jti` of a token."""
    secret: str
    scheme: str

    @property
    def variables(self) -> dict[str, str]:
        """For the shell; NAME_SECRET, without the scheme, where there is one."""
        bare = {f"{self.variable}_SECRET": self.secret} if self.scheme else {}
        return {self.variable: with_scheme(self.scheme, self.secret), f"{self.variable}_ID": self.id, **bare}


def with_scheme(scheme: str, secret: str) -> str:
    """As it stands in its header."""
    return f"{scheme} {secret}" if scheme else secret


def make_key(client: Client, key: DemoKey, scheme: str) -> MadeCredential:
    body = {"name": key.name, "tenant": key.tenant, "scopes": list(key.scopes), "plan": key.plan}
    expired = key.expires_in is not None and key.expires_in < 0
    if key.expires_in is not None and not expired:
        body["expires_at"] = times.to_rfc3339(times.now() + round(key.expires_in * 1000))
    try:
        made = client.call("POST", "/v1/keys", body)
        if expired:  # a key cannot be made so
            client.call("POST", f"/v1/keys/{made['id']}/expire", {})
    except (RefusedError, UnreachableError) as error:
        raise DemoError(f"the registry did not make a key: {error}") from error
    return MadeCredential(key.variable, made["id"], made["secret"], scheme)


def make_token(issuer: TokenIssuer, token: DemoToken) -> MadeCredential:
    token_id = str(uuid.uuid4())
    return MadeCredential(token.variable, token_id, issuer.sign(token.claims, token.lifetime, token_id), token.scheme)
