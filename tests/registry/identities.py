"""Admin tokens of every role and reach, made through the REST API of a running registry."""

import httpx2

TENANTS = ("acme", "other")


def make_token(http: httpx2.Client, role: str, tenant: str | None = None) -> str:
    answer = http.post("/v1/admin-tokens", json={"name": f"{role} of {tenant}", "role": role, "tenant": tenant})
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def make_all(http: httpx2.Client) -> dict[str, str]:
    """By name: `viewer`, `editor` and `owner` of all tenants, `viewer of acme` and so on, and `publisher`."""
    tokens = {"publisher": make_token(http, "publisher")}
    for role in ("viewer", "editor", "owner"):
        tokens[role] = make_token(http, role)
        for tenant in TENANTS:
            tokens[f"{role} of {tenant}"] = make_token(http, role, tenant)
    return tokens
