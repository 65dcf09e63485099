"""Ninox: each key works in one workspace, may expire at a date and time, is listed, and can be revoked."""

from extauth.demo.presets.parts import HOST, REVOKED, sent
from extauth.demo.scenario import DAY, DemoKey, Scenario
from extauth.demo.trial import Call, Trial

_DATABASES = "/v1/workspaces/acme/databases"

NINOX = Scenario(
    preset="ninox",
    key_prefix="ninox",
    key_header="Authorization",
    key_scheme="Bearer",
    tenant="acme",
    host="api.ninox.com",
    path=_DATABASES,
    keys=(
        DemoKey("KEY", name="ERP sync", tenant="acme", scopes=("read", "write")),
        DemoKey("READONLY_KEY", name="Reporting", tenant="acme", scopes=("read",), expires_in=30 * DAY),
        DemoKey("OTHER_KEY", name="Of another workspace", tenant="globex", scopes=("read", "write")),
        DemoKey("EXPIRED_KEY", name="Old import", tenant="acme", scopes=("read",), expires_in=-1),
    ),
    calls=(
        Call(expected=200, meaning="a key in its workspace", path=_DATABASES, headers=sent("KEY")),
        Call(expected=200, meaning="with scope write", path=_DATABASES, headers=sent("KEY"), method="POST"),
        Call(expected=401, meaning="the key of another workspace", path=_DATABASES, headers=sent("OTHER_KEY")),
        Call(
            expected=200,
            meaning="which works in its own",
            path="/v1/workspaces/globex/databases",
            headers=sent("OTHER_KEY"),
        ),
        Call(expected=401, meaning="no key", path=_DATABASES, headers=(HOST,)),
        Call(expected=401, meaning="a key that nobody has", path=_DATABASES, headers=sent("UNKNOWN_KEY")),
        Call(expected=401, meaning="past its expiration date", path=_DATABASES, headers=sent("EXPIRED_KEY")),
        Call(expected=403, meaning="no scope write", path=_DATABASES, headers=sent("READONLY_KEY"), method="POST"),
    ),
    trials=(
        Trial('extauth keys list --tenant "$TENANT"', "shown", "name, scope, expiry, creator and creation date"),
        *REVOKED,
    ),
)
