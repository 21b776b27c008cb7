"""Logs: one event per line on stderr, JSON for machines, columns for a terminal.

Import this before anything else that imports structlog: structlog looks for rich, which amqtt
brings along, and that costs the daemon 4 MB for a traceback nobody will see.
"""

import logging
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if "structlog" not in sys.modules and not sys.stderr.isatty():
    _RICH = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment]  # the way to say: it cannot be imported
    import structlog

    if _RICH is None:
        del sys.modules["rich"]
    else:
        sys.modules["rich"] = _RICH
else:
    import structlog

from gateway.adapters.logs_otel import Otel

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import Processor

Event = MutableMapping[str, Any]
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class _Threshold:
    """Drops what is below the level; the level can change at any time."""

    def __init__(self) -> None:
        self.level = logging.INFO

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        if structlog.processors.NAME_TO_LEVEL[method] < self.level:
            raise structlog.DropEvent
        return event


_THRESHOLD = _Threshold()


class _Recorded:
    """Shows every event to the recorder, whatever the level is; formats nothing."""

    def __init__(self) -> None:
        self.note: Callable[[str, Event], None] | None = None

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        if self.note is not None:
            self.note(method, event)
        return event


_RECORDED = _Recorded()


_LISTENERS: list[Callable[[Event], None]] = []


def listen(listener: Callable[[Event], None]) -> None:
    """Show every event that is written to somebody, too; called from any thread, must not raise."""
    _LISTENERS.append(listener)


def record(note: Callable[[str, Event], None] | None) -> None:
    """Show every event, with its level, before the level is looked at; from any thread."""
    _RECORDED.note = note


def _heard(_logger: object, _method: str, event: Event) -> Event:
    for listener in _LISTENERS:
        listener(event)
    return event


class _Libraries(logging.Handler):
    """Hands on what libraries log, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library_spoke",
            library=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info,
        )


def configure(
    format: Literal["auto", "json", "text", "otel"] = "auto",  # noqa: A002  # as in the user's file
    level: str = "info",
    resource: Mapping[str, str] | None = None,
    *,
    lasting: bool = False,
) -> None:
    """Set logging up for the whole process. ``auto``: console on a terminal, else JSON.

    ``resource``: of ``otel``, what every line is from. ``lasting``: it is never set up otherwise,
    so that loggers need not be made anew for each line, which takes longer than most lines.
    """
    set_level(level)
    on_terminal = sys.stderr.isatty()
    readable = format == "text" or (format == "auto" and on_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _RECORDED,
            _THRESHOLD,
            structlog.processors.add_log_level,
            stamp,
            _heard,
            *(_otel(resource or {}) if format == "otel" else _form(readable, on_terminal)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=lasting,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    root.setLevel(logging.WARNING)
    threading.excepthook = _thread_failed
    sys.excepthook = _failed


def set_level(level: str) -> None:
    """Change the level from the next event on.

    Raises:
        KeyError: there is no such level.
    """
    _THRESHOLD.level = LEVELS[level]


def stamp(_logger: object, _method: str, event: Event) -> Event:
    """Add the time: RFC 3339, UTC, milliseconds."""
    now = datetime.now(UTC)  # noqa: TID251  # an event is stamped when it is written
    event["at"] = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def head_first(_logger: object, _method: str, event: Event) -> Event:
    """Put time, level and event where the eye looks for them."""
    head = {key: event.pop(key) for key in ("at", "level", "event") if key in event}
    return {**head, **event}


def level() -> str:
    """From which level on events are written."""
    return next(name for name, number in LEVELS.items() if number == _THRESHOLD.level)


def _otel(resource: Mapping[str, str]) -> "list[Processor]":
    return [
        structlog.processors.format_exc_info,
        Otel(resource),
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
    ]


def _form(readable: bool, colors: bool) -> "list[Processor]":  # noqa: FBT001  # two words of one call
    if not readable:
        return [
            structlog.processors.format_exc_info,
            head_first,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    console = structlog.dev.ConsoleRenderer(
        colors=colors,
        exception_formatter=structlog.dev.plain_traceback,
        timestamp_key="at",
        pad_event_to=24,
    )
    return [console]


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is SystemExit:
        return
    name = failed.thread.name if failed.thread is not None else ""
    structlog.get_logger().error("thread_failed", thread=name, exc_info=failed.exc_value)


def _failed(
    kind: type[BaseException], error: BaseException, traceback: "TracebackType | None"
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    structlog.get_logger().error("process_failed", exc_info=error)
