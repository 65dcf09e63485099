"""The policy of the tests: one API for each thing to be seen, told apart by path."""

from extauth.demo.scenario import Scenario

PLAIN, PER_KEY, PER_TENANT, SCOPED, BEARER, CONTEXT = "/", "/per-key", "/per-tenant", "/scoped", "/bearer", "/context"
UNCHECKED = "/unchecked"
PER_KEY_BURST, PER_KEY_RATE = 5, 2  # requests; requests a second
PER_TENANT_BURST = 3
LEASED, LEASED_BURST, LEASED_RATE = "/leased", 120, 40
MIXED = "/mixed"

_HEADER = [{"header": "x-api-key"}]

E2E = Scenario(
    key_prefix="e2e",
    key_header="x-api-key",
    tenant="acme",
    apis=(
        {
            "name": "per-key",
            "match": {"paths": [PER_KEY]},
            "credentials": _HEADER,
            "limits": [{"name": "per-key", "by": "key", "rate": f"{PER_KEY_RATE}/s", "burst": PER_KEY_BURST}],
        },
        {
            "name": "per-tenant",
            "match": {"paths": [PER_TENANT]},
            "credentials": _HEADER,
            "limits": [
                {"name": "per-key", "by": "key", "rate": "1000/s"},
                {"name": "per-tenant", "by": "tenant", "rate": "1/min", "burst": PER_TENANT_BURST},
            ],
        },
        {
            "name": "leased",
            "match": {"paths": [LEASED]},
            "credentials": _HEADER,
            "limits": [
                {"name": "per-key", "by": "key", "rate": f"{LEASED_RATE}/s", "burst": LEASED_BURST, "mode": "leased"},
                {"name": "per-tenant", "by": "tenant", "rate": "10000/s"},
            ],
        },
        {
            "name": "mixed",
            "match": {"paths": [MIXED]},
            "credentials": _HEADER,
            "client_address": {"header": "x-forwarded-for", "trusted_hops": 1},
            "limits": [
                {
                    "name": "routes",
                    "by": ["tenant", "route"],
                    "paths": ["/mixed/items/{id}", "/mixed/parts/{id}"],
                    "rate": "6/h",
                    "cost": {"methods": {"POST": 3}},
                },
                {"name": "address", "by": "address", "paths": ["/mixed/address"], "rate": "2/h"},
                {"name": "team", "by": ["tenant", {"header": "x-team"}], "paths": ["/mixed/team"], "rate": "1/h"},
                {"name": "daily", "by": "tenant", "paths": ["/mixed/daily"], "quota": "2/day"},
            ],
        },
        {"name": "scoped", "match": {"paths": [SCOPED]}, "credentials": _HEADER, "scopes": ["orders:read"]},
        {
            "name": "bearer",
            "match": {"paths": [BEARER]},
            "credentials": [{"header": "authorization", "scheme": "Bearer"}],
            "upstream_headers": {"key_id": "x-caller", "tenant": "x-caller-tenant"},
        },
        {"name": "context", "match": {"context": {"tier": "gold"}}, "credentials": _HEADER, "scopes": ["gold"]},
        {"name": "plain", "match": {"hosts": ["127.0.0.1", "*.example.test"]}, "credentials": _HEADER},
    ),
    keys=(),
    trials=(),
)
