"""Structured logs: JSON lines on stderr, or plain text for a person."""

import logging
from typing import Literal

import structlog

from extauth.settings.model import Settings
from extauth.telemetry.standard_error import standard_error


class LogSettings(Settings):
    """How the process logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["json", "console"] = "json"
    """json: one object a line; console: for reading by eye."""


def configure(settings: LogSettings, **fields: object) -> None:
    """Route structlog and the standard library's loggers to stderr in one form; `fields` stand in every line."""
    shared: list[structlog.types.Processor] = [
        lambda _logger, _method, event: {**fields, **event},
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(standard_error())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found
