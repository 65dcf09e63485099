"""What the scenarios of the presets have in common."""

from extauth.demo.trial import Trial

HOST = "Host: $HOST"
"""A header: the host that the policy is for."""


def sent(variable: str) -> tuple[str, ...]:
    """The headers of a request with this key or token."""
    return HOST, f"$KEY_HEADER: ${variable}"


def burst(path: str, requests: int, meaning: str) -> Trial:
    """More requests with KEY than its bucket holds."""
    return Trial(
        f'curl -s -o /dev/null -D - -H "{HOST}" -H "$KEY_HEADER: $KEY" "$ENVOY_URL{path}?page=[1-{requests}]"'
        " | grep -iE '^(HTTP|retry-after)' | sort | uniq -c",
        "200, then 429",
        meaning,
    )


REVOKED = (
    Trial('extauth keys revoke "$KEY_ID" --reason "tried it"', "status revoked", "the sidecar hears of it at once"),
    Trial(f'curl -i -H "{HOST}" -H "$KEY_HEADER: $KEY" "$ENVOY_URL$KEY_PATH"', "401", "the revoked key"),
)
