"""Settings of traces."""

from typing import Annotated

from pydantic import Field

from extauth.settings.model import Settings
from extauth.settings.values import Duration, SecretReference

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]


class TracingSettings(Settings):
    """A span for each check whose request is traced, to an OpenTelemetry collector. Off unless it has an endpoint."""

    endpoint: HttpUrl | None = None
    """Where spans are sent, by OTLP over HTTP: `http://collector:4318/v1/traces`."""
    authorization: SecretReference | None = None
    """The collector's `authorization` header."""
    sample: float = Field(default=0.0, ge=0, le=1)
    """The share of checks that begin a trace of their own, of those whose request belongs to none. Others follow the
    decision in their `traceparent`."""
    service: str = Field(default="extauth", min_length=1, max_length=100)
    """`service.name`."""
    timeout: Duration = Field(default=5.0, gt=0, le=60)
    """Longest wait for the collector, which no check waits for."""
