"""An AI API: `Authorization: Bearer <key>`, four permissions, errors with codes and details."""

from extauth.demo.presets.parts import HOST, REVOKED, burst, sent
from extauth.demo.scenario import DemoKey, Scenario
from extauth.demo.trial import Call, Trial

_MODELS, _GENERATE, _WEBHOOKS = "/v1/models", "/v1/generate", "/v1/webhooks"

AI_API = Scenario(
    preset="ai-api",
    key_prefix="ai",
    key_header="Authorization",
    key_scheme="Bearer",
    tenant="acme",
    host="api.example.com",
    path=_MODELS,
    keys=(
        DemoKey("KEY", name="Production", tenant="acme", scopes=("read", "write")),
        DemoKey("READONLY_KEY", name="Read-only", tenant="acme", scopes=("read",)),
        DemoKey("WEBHOOK_KEY", name="Webhooks", tenant="acme", scopes=("webhook",)),
        DemoKey("ADMIN_KEY", name="Admin", tenant="acme", scopes=("admin",)),
        DemoKey("EXPIRED_KEY", name="Development", tenant="acme", scopes=("read", "write"), expires_in=-1),
    ),
    calls=(
        Call(expected=200, meaning="read: data", path=_MODELS, headers=sent("KEY")),
        Call(
            expected=200,
            meaning="read: generating content",
            path=_GENERATE,
            headers=sent("READONLY_KEY"),
            method="POST",
        ),
        Call(expected=200, meaning="write: resources", path=_MODELS, headers=sent("KEY"), method="POST"),
        Call(expected=403, meaning="no write", path=_MODELS, headers=sent("READONLY_KEY"), method="POST"),
        Call(expected=200, meaning="webhook", path=_WEBHOOKS, headers=sent("WEBHOOK_KEY"), method="POST"),
        Call(expected=403, meaning="no webhook", path=_WEBHOOKS, headers=sent("KEY"), method="POST"),
        Call(expected=200, meaning="admin: all", path=f"{_MODELS}/m1", headers=sent("ADMIN_KEY"), method="DELETE"),
        Call(expected=403, meaning="no admin", path=f"{_MODELS}/m1", headers=sent("KEY"), method="DELETE"),
        Call(expected=401, meaning="MISSING_API_KEY", path=_MODELS, headers=(HOST,)),
        Call(expected=401, meaning="INVALID_API_KEY", path=_MODELS, headers=sent("UNKNOWN_KEY")),
        Call(expected=401, meaning="EXPIRED_API_KEY", path=_MODELS, headers=sent("EXPIRED_KEY")),
    ),
    trials=(
        Trial('extauth keys rotate "$READONLY_KEY_ID" --grace 24h', "shown", "a successor; the old key has a day left"),
        burst(_MODELS, 100, "RATE_LIMIT_EXCEEDED: the bucket of a key holds 60 requests and gains one a second"),
        *REVOKED,
    ),
)
