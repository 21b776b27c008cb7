"""Waiting beside a dead gateway, until it is back or its time is over."""

import fcntl
import os
import time
from typing import Final

import click

from gateway.cli.fail_safe_give import Give
from gateway.config.settings import Settings
from gateway.core.absence import given, read
from gateway.core.assets import Asset
from gateway.core.wills import declared
from gateway.daemon.absence import place
from gateway.store.files import beside

LOOK_S: Final = 0.25
BACK_S: Final = 5.0
"""A gateway that holds its store for so long is back; one that dies sooner each time is not."""


class Watch:
    """The assets whose gateway is dead."""

    def __init__(self, settings: Settings, *, now: bool) -> None:
        """``now``: nothing is waited for."""
        self._settings = settings
        self._began = time.monotonic()
        self._now = now
        self._alive_since: float | None = None

    def run(self) -> int:
        """Give every declared command in its time; the exit code."""
        due = sorted(filter(declared, self._settings.assets.values()), key=_death_ms)
        due = [asset for asset in due if asset.id not in self._given()]
        if not due:
            click.echo("nothing is declared for the gateway's death, or all of it is done")
            return 0
        failed = 0
        give = Give(self._settings)
        for asset in due:
            if not self._dead(_death_ms(asset)):
                click.echo("the gateway is back")
                return 1 if failed else 0
            dead_ms = int((time.monotonic() - self._began) * 1000)
            said = give.asset(asset, dead_ms)
            click.echo(f"{asset.id}: {said.refused or f'told {said.action}, {said.said}'}")
            failed += bool(said.refused)
        return 1 if failed else 0

    def _dead(self, for_ms: int) -> bool:
        """Wait so long; False as soon as the gateway is back."""
        while True:
            now = time.monotonic()
            alive = self._alive()
            self._alive_since = (self._alive_since or now) if alive else None
            if self._alive_since is not None and (self._now or now - self._alive_since >= BACK_S):
                return False
            if not alive and (self._now or now - self._began >= for_ms / 1000):
                return True
            time.sleep(LOOK_S)

    def _alive(self) -> bool:
        """A gateway holds its store; the kernel ends that with the process."""
        try:
            lock = os.open(beside(self._settings.store.path, ".lock"), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _given(self) -> set[str]:
        """Assets that were told since the gateway was here last."""
        try:
            return given(read(place(self._settings.store.path).read_text()))
        except (OSError, UnicodeError):
            return set()


def _death_ms(asset: Asset) -> int:
    safe = asset.fail_safe
    return 0 if safe is None else safe.death_ms or 0
