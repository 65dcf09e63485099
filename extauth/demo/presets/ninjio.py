"""NINJIO: an `apiKey` header, rights to read and write by access point, keys of customer accounts."""

from extauth.demo.presets.parts import HOST, REVOKED, burst, sent
from extauth.demo.scenario import DemoKey, Scenario
from extauth.demo.trial import Call, Trial

_ROOT = "/api/api_gateway/customer"
_CAMPAIGNS = f"{_ROOT}/campaigns/training/"
_USERS = f"{_ROOT}/users/"

NINJIO = Scenario(
    preset="ninjio",
    key_prefix="ninjio",
    key_header="apiKey",
    tenant="acme",
    host="apigw.goninjio.com",
    path=_CAMPAIGNS,
    keys=(
        DemoKey("KEY", name="Training reports", tenant="acme", scopes=("campaigns:read", "campaigns:write")),
        DemoKey("READONLY_KEY", name="Dashboard", tenant="acme", scopes=("campaigns:read",)),
        DemoKey("OTHER_KEY", name="Of another customer", tenant="globex", scopes=("campaigns:read",)),
    ),
    calls=(
        Call(
            expected=200,
            meaning="the upstream is told key and customer account, and does not get the key",
            path=_CAMPAIGNS,
            headers=sent("KEY"),
        ),
        Call(expected=200, meaning="the header in any case", path=_CAMPAIGNS, headers=(HOST, "APIKEY: $KEY")),
        Call(
            expected=200, meaning="a key acts for its own customer account", path=_CAMPAIGNS, headers=sent("OTHER_KEY")
        ),
        Call(expected=401, meaning="no key", path=_CAMPAIGNS, headers=(HOST,)),
        Call(expected=401, meaning="a key that nobody has", path=_CAMPAIGNS, headers=sent("UNKNOWN_KEY")),
        Call(expected=200, meaning="may write campaigns", path=_CAMPAIGNS, headers=sent("KEY"), method="POST"),
        Call(expected=403, meaning="may only read them", path=_CAMPAIGNS, headers=sent("READONLY_KEY"), method="POST"),
        Call(expected=403, meaning="no right for this access point", path=_USERS, headers=sent("KEY")),
    ),
    trials=(
        Trial('extauth keys show "$KEY_ID"', "shown", "all that can be seen of a key after it was made"),
        burst(_CAMPAIGNS, 100, "the bucket of a key holds 60 requests and gains 2 a second"),
        *REVOKED,
    ),
)
