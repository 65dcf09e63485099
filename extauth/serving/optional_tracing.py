"""The engine, with traces where they are configured: their library is an extra."""

from collections.abc import Callable
from dataclasses import dataclass

from extauth.policy.settings import SidecarSettings
from extauth.serving.bearer_tokens import MissingExtraError
from extauth.serving.engine import Engine, Parts
from extauth.serving.tracing_hook import Told


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """An engine and what it wants."""

    engine: Engine
    told: Told | None
    """To be told each call's metadata; None when there are no traces."""
    stop: Callable[[float], None]
    """Send what waits, within so many seconds."""


def engine_for(parts: Parts, settings: SidecarSettings) -> ChosenEngine:
    """Raises MissingExtraError and SecretError."""
    if settings.tracing.endpoint is None:
        return ChosenEngine(Engine(parts, settings), None, lambda _timeout: None)
    try:
        from extauth.serving.traced_engine import TracedEngine  # noqa: PLC0415 (only where it is wanted)
        from extauth.telemetry.tracing import Tracing  # noqa: PLC0415 (the same)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"tracing.endpoint needs {error.name}: pip install 'extauth[tracing]'") from None
    tracing = Tracing(settings.tracing)
    engine = TracedEngine(parts, settings, tracing)
    return ChosenEngine(engine, engine.told, tracing.stop)
