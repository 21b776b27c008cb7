"""Arrivals: what a visit put down as files, beside what the daemon works with."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.config import delivery
from gateway.config.settings import Settings, UpdateSettings
from gateway.updates.record import FILE, Record, changing


def changed_ns(folder: Path) -> int:
    """When the record was written last; 0 where there is none."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except OSError:
        return 0


def differ(settings: Settings) -> bool:
    """What was put down is not what the daemon works with."""
    folder = settings.updates.folder if settings.updates else Path()
    for name, model in settings.models.items():
        if model.delivered and delivery.package(folder, name) != model.candidate:
            return True
    current = b""
    with suppress(OSError):
        current = delivery.configuration(folder).read_bytes()
    asked = settings.updates is not None and settings.updates.may
    wanted = delivery.digest(current) if current and asked else ""
    return wanted != settings.received and not settings.received_why


def change(folder: Path, how: Callable[[Record], None]) -> None:
    """Change the record.

    Raises:
        OSError: it cannot be written.
    """
    with changing(folder) as record:
        how(record)


def forget(numbers: set[object], record: Record) -> None:
    """These events were told."""
    record.untold = [told for told in record.untold if told.get("number") not in numbers]


def end(model: str, event: str, why: str, settings: UpdateSettings | None, record: Record) -> None:
    """A delivered version passed, or is over: then it is no candidate any more."""
    taken = record.models.get(model)
    if taken is None or settings is None:
        return
    if event == "update_kept":
        record.took(event, f"model {model}", taken)
        return
    record.fail(f"model {model}", taken, why, event)
    del record.models[model]
    (delivery.models(settings.folder, model) / delivery.CURRENT).unlink(missing_ok=True)
