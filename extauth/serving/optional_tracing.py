"""The engine, with traces where they are configured: their library is an extra."""

from collections.abc import Callable

from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.engine import Engine, Parts

Stop = Callable[[float], None]
"""Send what waits, within so many seconds."""


def engine_for(parts: Parts, settings: SidecarSettings) -> tuple[Engine, Stop]:
    """Raises MissingExtraError and SecretError."""
    if settings.tracing.endpoint is None:
        return Engine(parts, settings), lambda _timeout: None
    try:
        from extauth.serving.traced_engine import TracedEngine  # noqa: PLC0415 (only where it is wanted)
        from extauth.telemetry.tracing import Tracing  # noqa: PLC0415 (the same)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"tracing.endpoint needs {error.name}: pip install 'extauth[tracing]'") from None
    tracing = Tracing(settings.tracing)
    return TracedEngine(parts, settings, tracing), tracing.stop
