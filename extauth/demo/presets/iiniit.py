"""iiniit: API keys in a header or the query for servers, OAuth 2.0 tokens for those who act for users."""

from extauth.demo.presets.parts import HOST, REVOKED, sent
from extauth.demo.scenario import DemoKey, DemoToken, Scenario
from extauth.demo.trial import Call, Trial

_DEVICES = "/v1/devices"

IINIIT = Scenario(
    preset="iiniit",
    key_prefix="iiniit",
    key_header="Authorization",
    key_scheme="ApiKey",
    tenant="acme",
    host="api.iiniit.com",
    path=_DEVICES,
    keys=(
        DemoKey("KEY", name="Nightly import", tenant="acme", scopes=("read", "write")),
        DemoKey("READONLY_KEY", name="Status page", tenant="acme", scopes=("read",)),
    ),
    tokens=(
        DemoToken(variable="TOKEN", claims={"sub": "ada", "account": "acme", "scope": "read write"}, scheme="Bearer"),
        DemoToken(
            variable="READONLY_TOKEN", claims={"sub": "bob", "account": "acme", "scope": "read"}, scheme="Bearer"
        ),
        DemoToken(
            variable="EXPIRED_TOKEN",
            claims={"sub": "ada", "account": "acme", "scope": "read"},
            lifetime=-3600,
            scheme="Bearer",
        ),
    ),
    calls=(
        Call(expected=200, meaning="an API key in the header", path=_DEVICES, headers=sent("KEY")),
        Call(
            expected=200,
            meaning="in the query; the upstream gets all but the key",
            path=f"{_DEVICES}?page=2&api_key=$KEY_SECRET",
            headers=(HOST,),
        ),
        Call(expected=200, meaning="a token of the OAuth 2.0 server", path=_DEVICES, headers=sent("TOKEN")),
        Call(expected=401, meaning="no credential", path=_DEVICES, headers=(HOST,)),
        Call(expected=401, meaning="a key that nobody has", path=_DEVICES, headers=sent("UNKNOWN_KEY")),
        Call(expected=401, meaning="an expired token", path=_DEVICES, headers=sent("EXPIRED_TOKEN")),
        Call(
            expected=401,
            meaning="an API key is no token",
            path=_DEVICES,
            headers=(HOST, "Authorization: Bearer $KEY_SECRET"),
        ),
        Call(expected=200, meaning="scope write", path=_DEVICES, headers=sent("TOKEN"), method="POST"),
        Call(expected=403, meaning="no scope write", path=_DEVICES, headers=sent("READONLY_TOKEN"), method="POST"),
        Call(
            expected=403,
            meaning="a key without scope write",
            path=_DEVICES,
            headers=sent("READONLY_KEY"),
            method="POST",
        ),
    ),
    trials=(
        Trial(
            'curl -s -d grant_type=client_credentials -d client_id=ada -d account=acme -d "scope=read write"'
            ' "$ISSUER_URL/token"',
            "shown",
            "a new token from the demo's own OAuth 2.0 server",
        ),
        Trial('extauth tokens revoke --issuer https://auth.iiniit.com --jti "$TOKEN_ID"', "shown", "revokes one token"),
        Trial(f'curl -i -H "{HOST}" -H "$KEY_HEADER: $TOKEN" "$ENVOY_URL$KEY_PATH"', "401", "the revoked token"),
        *REVOKED,
    ),
)
