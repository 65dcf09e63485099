"""What is configured without its library says how to install it, and what is not configured does not need it."""

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.engine import Parts
from extauth.serving.http_check.optional import http_check
from extauth.serving.optional_tracing import engine_for
from extauth.serving.sockets import Claim
from extauth.serving.transport import Handler

HANDLER = cast("Handler", SimpleNamespace())
NEEDED: dict[str, Any] = {
    "keys": {"peppers": [{"id": "p1", "env": "P"}]},
    "apis": [{"name": "a", "credentials": [{"header": "x"}]}],
}

USE_THEM = (
    "extauth.serving.http_check.loop",
    "extauth.serving.http_check.server",
    "extauth.serving.traced_engine",
    "extauth.telemetry.tracing",
)


@pytest.fixture(autouse=True)
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if neither were installed."""
    for name in USE_THEM:
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("uvicorn", "opentelemetry.exporter.otlp.proto.http.trace_exporter"):
        monkeypatch.setitem(sys.modules, name, None)


def settings(**sections: Any) -> SidecarSettings:
    return SidecarSettings.model_validate({**NEEDED, **sections})


def test_check_over_http() -> None:
    assert http_check(HANDLER, settings(), Claim.ALONE) is None
    wanted = settings(http={"listen": ["127.0.0.1:0"], "original": "x-original"})
    with pytest.raises(MissingExtraError, match=r"http\.listen needs uvicorn: pip install 'extauth\[http\]'"):
        http_check(HANDLER, wanted, Claim.ALONE)


def test_traces() -> None:
    wanted = settings(tracing={"endpoint": "http://collector:4318/v1/traces"})
    with pytest.raises(MissingExtraError, match=r"tracing\.endpoint needs .*: pip install 'extauth\[tracing\]'"):
        engine_for(cast("Parts", SimpleNamespace()), wanted)
