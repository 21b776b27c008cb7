"""Lines in the words of OpenTelemetry's log data model, one JSON object each.

Source: OpenTelemetry specification 1.4x, "Logs Data Model" (fields, severity numbers) and the
semantic conventions of ``service.*``, ``exception.*`` and ``thread.name``. The names of the fields
are the model's in snake case; docs/troubleshooting.md has a collector's configuration.
"""

from collections.abc import Mapping
from typing import Any, Final

SEVERITY: Final[Mapping[str, tuple[str, int]]] = {
    "debug": ("DEBUG", 5),
    "info": ("INFO", 9),
    "warning": ("WARN", 13),
    "error": ("ERROR", 17),
    "critical": ("FATAL", 21),
}
"""Our level -> short name and number of the model."""
_HEAD: Final = frozenset({"at", "level", "event", "exception"})


class Otel:
    """Turns an event, its exception formatted, into a record."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        """``resource``: what every line is from, as ``service.name``."""
        self._resource = dict(resource)

    def __call__(self, _logger: object, _method: str, event: Any) -> Any:
        """As a processor of structlog; a renderer comes after it."""
        text, number = SEVERITY[event["level"]]
        return {
            "timestamp": event["at"],
            "severity_text": text,
            "severity_number": number,
            "event_name": event["event"],
            "body": event["event"],
            "attributes": _attributes(event),
            "resource": self._resource,
        }


def _attributes(event: Mapping[str, Any]) -> dict[str, Any]:
    found = {("thread.name" if key == "thread" else key): one for key, one in event.items()
             if key not in _HEAD}  # fmt: skip
    trace = str(event.get("exception") or "")
    if trace:
        kind, _, said = trace.rstrip().rpartition("\n")[2].partition(": ")
        found |= {"exception.type": kind, "exception.message": said, "exception.stacktrace": trace}
    return found
