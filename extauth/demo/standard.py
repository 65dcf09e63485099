"""The standard scenario: one API, one tenant, two keys."""

from extauth.demo.scenario import DemoKey, Scenario
from extauth.demo.trial import Call, Trial

_WITH_KEY, _WITH_UNKNOWN_KEY = ("$KEY_HEADER: $KEY",), ("$KEY_HEADER: $UNKNOWN_KEY",)

_CALLS = (
    Call(
        expected=200,
        meaning="the upstream shows what it got: who calls, and not the key",
        path="/orders?page=2",
        headers=_WITH_KEY,
    ),
    Call(expected=401, meaning="no key", path="/orders"),
    Call(expected=401, meaning="a well-formed key that nobody has", path="/orders", headers=_WITH_UNKNOWN_KEY),
)

_TRIALS = (
    Trial(
        'curl -s -o /dev/null -D - -H "$KEY_HEADER: $READONLY_KEY" "$ENVOY_URL/orders?page=[1-40]"'
        " | grep -iE '^(HTTP|retry-after)' | sort | uniq -c",
        "200, then 429",
        "the bucket of a key holds 20 requests and gains 10 a second",
    ),
    Trial('extauth keys revoke "$KEY_ID" --reason "tried it"', "status revoked", "the sidecar hears of it at once"),
    Trial('curl -i -H "$KEY_HEADER: $KEY" "$ENVOY_URL/orders"', "401", "the revoked key"),
    Trial('curl -s "$METRICS_URL" | grep ^extauth_checks_total', "counts", "every check, by API and reason"),
)

STANDARD = Scenario(
    key_prefix="demo",
    key_header="x-api-key",
    tenant="acme",
    apis=(
        {
            "name": "demo",
            "credentials": [{"header": "x-api-key"}],
            "limits": [
                {"name": "per-key", "by": "key", "rate": "10/s", "burst": 20},
                {"name": "per-tenant", "by": "tenant", "rate": "100/s", "burst": 200},
            ],
        },
    ),
    keys=(
        DemoKey("KEY", name="demo key", tenant="acme", scopes=("read", "write")),
        DemoKey("READONLY_KEY", name="demo key, read only", tenant="acme", scopes=("read",)),
    ),
    calls=_CALLS,
    trials=_TRIALS,
)
