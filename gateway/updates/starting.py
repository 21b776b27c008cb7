"""The start of the gateway: a configuration on trial is counted, and given up when it never works.

Nothing here needs the gateway to live: one that ends while it starts, or soon after, is started by
systemd again, and the count goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from gateway.config import apart
from gateway.config.settings import Settings
from gateway.errors import ConfigError, GatewayError
from gateway.updates import configuration
from gateway.updates.configuration import Trial
from gateway.updates.record import changing


def settings(reading: apart.Reading) -> Settings:
    """The settings to start with, of a file that is being read.

    Raises:
        ConfigError: the user's file is wrong.
    """
    found = reading.settings()
    if found.updates is None or not found.updates.may:
        return found
    try:
        with changing(found.updates.folder) as record:
            gone = configuration.started(found.updates.folder, record)
    except OSError:  # nothing can be counted: the daemon will say that the disk is in trouble
        return found
    return reading.again().settings() if gone else found


@contextmanager
def watched(found: Settings) -> Iterator[None]:
    """Run the gateway inside: how it ends is the trial's, too.

    Raises:
        GatewayError: the configuration on trial could not be used; the next start is without it.
    """
    try:
        yield
    except ConfigError as error:  # systemd does not start again after this one
        if _given_up(found, str(error)):
            raise GatewayError(f"the received configuration is given up: {error}") from error
        raise
    _stopped(found)


def _given_up(found: Settings, why: str) -> bool:
    trial = _trial(found)
    if trial is None or found.updates is None:
        return False
    try:
        with changing(found.updates.folder) as record:
            configuration.roll_back(found.updates.folder, record, trial, why)
    except OSError:  # it cannot be given up: then its own fault is what people must see
        return False
    return True


def _stopped(found: Settings) -> None:
    """It was stopped in good order: that start does not count."""
    trial = _trial(found)
    if trial is not None and trial.starts and found.updates is not None:
        with suppress(OSError):
            replace(trial, starts=trial.starts - 1).save(found.updates.folder)


def _trial(found: Settings) -> Trial | None:
    """The trial of what the gateway ran with."""
    trial = Trial.load(found.updates.folder) if found.updates and found.updates.may else None
    return trial if trial is not None and trial.taken.sha256 == found.received else None
