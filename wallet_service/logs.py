"""How the service logs: lines for people or JSON for machines, with ids and never with secrets."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# A last net under the rule that no caller logs these; it is not a licence to.
FORBIDDEN = ("token", "secret", "password", "signature", "authorization", "cookie", "email", "phone")


def configure(log_format: str) -> None:
    """Set up logging for this process; everything goes to standard error."""
    renderer: Processor = structlog.processors.JSONRenderer()
    if log_format == "console":
        # The richer formatter, taken where its library happens to be installed, prints local variables: secrets too.
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            *([structlog.processors.format_exc_info] if log_format == "json" else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,  # or who set logging up first would have the last word, in tests too
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def hide_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    """Star out the value of every key whose name says that it should not be there."""
    return {key: _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: object) -> object:
    if any(word in key.lower() for word in FORBIDDEN):
        return "***"
    if isinstance(value, dict):
        return {inner: _shown(str(inner), each) for inner, each in value.items()}
    return value
