"""Nudj: JWTs in `x-api-token`, an organisation for each subdomain, limits by type of API."""

from collections.abc import Sequence

from extauth.demo.presets.parts import HOST, burst, sent
from extauth.demo.scenario import DemoKey, DemoToken, Scenario
from extauth.demo.trial import Call, Trial

_COMMUNITIES = "/api/v2/admin/communities"
_EVENTS = "/api/v2/analytics/events"
_ROLES = ("integration", "admin", "analytics")


def _token(variable: str, organisation: str, roles: Sequence[str], lifetime: float = 86400) -> DemoToken:
    claims = {"sub": f"developer@{organisation}", "organisation": organisation, "roles": list(roles)}
    return DemoToken(variable=variable, claims=claims, lifetime=lifetime)


NUDJ = Scenario(
    preset="nudj",
    key_prefix="nudj",
    key_header="x-api-token",
    tenant="acme",
    host="acme.nudj.cx",
    path=_COMMUNITIES,
    keys=(DemoKey("API_KEY", name="In place of a JWT", tenant="acme", scopes=_ROLES),),
    tokens=(
        _token("KEY", "acme", _ROLES),
        _token("READONLY_KEY", "acme", ["analytics"]),
        _token("OTHER_KEY", "globex", _ROLES),
        _token("EXPIRED_KEY", "acme", _ROLES, lifetime=-3600),
    ),
    calls=(
        Call(expected=200, meaning="a JWT", path=f"{_COMMUNITIES}?limit=10", headers=sent("KEY")),
        Call(expected=200, meaning="the header in upper case", path=_COMMUNITIES, headers=(HOST, "X-API-TOKEN: $KEY")),
        Call(expected=200, meaning="with Bearer", path=_COMMUNITIES, headers=(HOST, "x-api-token: Bearer $KEY")),
        Call(expected=200, meaning="an API key will do, too", path=_COMMUNITIES, headers=sent("API_KEY")),
        Call(expected=401, meaning="no token", path=_COMMUNITIES, headers=(HOST,)),
        Call(expected=401, meaning="an expired token", path=_COMMUNITIES, headers=sent("EXPIRED_KEY")),
        Call(expected=401, meaning="wrong organisation context", path=_COMMUNITIES, headers=sent("OTHER_KEY")),
        Call(
            expected=200,
            meaning="the right one",
            path=_COMMUNITIES,
            headers=("Host: globex.nudj.cx", "$KEY_HEADER: $OTHER_KEY"),
        ),
        Call(expected=403, meaning="the endpoint requires admin", path=_COMMUNITIES, headers=sent("READONLY_KEY")),
        Call(expected=200, meaning="the role it has", path=_EVENTS, headers=sent("READONLY_KEY")),
    ),
    trials=(
        burst(_EVENTS, 130, "100 requests a minute to the analytics API for each organisation"),
        Trial('extauth tokens revoke --issuer https://nudj.cx --jti "$KEY_ID"', "shown", "revokes one token"),
        Trial(f'curl -i -H "{HOST}" -H "$KEY_HEADER: $KEY" "$ENVOY_URL$KEY_PATH"', "401", "the revoked token"),
    ),
)
