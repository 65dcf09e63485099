"""Spans, by OpenTelemetry. The only file that knows its SDK; imported only where traces are wanted."""

import threading
from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from extauth.telemetry.tracing_settings import TracingSettings

_VERSION = version("extauth")
_NAME = "envoy.service.auth.v3.Authorization/Check"
_ROOT = Context()


class CheckSpan:
    """The span of one check. Never given a secret, nor anything else that a client wrote."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def end(self, attributes: Mapping[str, str | bool], *, is_fault: bool) -> None:
        """`is_fault`: it ended with a fault of ours, and not with a verdict."""
        self._span.set_attributes(attributes)
        if is_fault:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Tracing:
    """`begin` and `CheckSpan.end` from any thread.

    Spans are sent from a thread of its own, and dropped when too many wait. Raises SecretError.
    """

    def __init__(self, settings: TracingSettings) -> None:
        headers = {} if settings.authorization is None else {"authorization": settings.authorization.read()}
        resource = Resource.create({"service.name": settings.service, "service.version": _VERSION})
        sampler = ParentBased(TraceIdRatioBased(settings.sample))
        self._provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(settings.endpoint, headers=headers, timeout=settings.timeout)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("extauth", _VERSION)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, parent: Mapping[str, str]) -> CheckSpan | None:
        """A child of what `traceparent` and `tracestate` in `parent` tell of; None when it is not to be traced."""
        context = self._propagator.extract(parent, _ROOT)
        span = self._tracer.start_span(_NAME, context=context, kind=SpanKind.SERVER)
        return CheckSpan(span) if span.is_recording() else None

    def stop(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-shutdown", daemon=True)
        closing.start()
        closing.join(timeout)
