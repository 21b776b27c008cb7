"""Flight: the recorder of the last minutes, dumped when the gateway crashes, or when asked to.

An exception that nobody expected and SIGABRT (systemd's watchdog) dump from here. A crash in native
code, and a standstill, are written by the interpreter without Python (faulthandler): as stacks
only, into a file that the next start sets aside.
"""

import asyncio
import faulthandler
import os
import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from gateway import __version__
from gateway.adapters import dumps, logs
from gateway.adapters.recorder import Recorder
from gateway.config.settings import Settings
from gateway.core.masking import Mask, secrets_of
from gateway.core.requests import Request, RequestError
from gateway.daemon.clock import Clock

STANDSTILL_S: Final = 45.0
"""The loop stood still so long: where, is written. systemd ends us after another while."""
ARM_S: Final = 10.0
SOON_MS: Final = 600_000
"""Who crashes this soon after the last crash dumps nothing: the first one tells more."""
TRACE: Final = 20_000
"""Characters of what ended it."""
SECRET_BYTES: Final = 65_536
_SECRETS: Final = (
    *("brokers", "sync", "clouds", "alerts", "privacy", "updates", "fleet", "web", "metrics"),
)
"""Parts of the settings that name files of secrets."""

log = structlog.get_logger()


class Flight:
    """The recorder of this process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is recorded before ``start``."""
        self._folder = dumps.folder_of(settings.store.path)
        self._gateway = settings.gateway_id
        self._clock = clock
        self._started_mono_ms = clock.mono_ms()
        self._secrets = set(_secrets(settings))
        self._open: int | None = None
        self._stood = 0
        self.recorder = Recorder(settings.log.recorder_bytes)

    def start(self) -> None:
        """Record from now on, and be ready for crashes. In the main thread."""
        logs.record(self.recorder.note)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            left = dumps.take_up(self._folder, self._clock.now_ms())
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            self._open = os.open(self._folder / dumps.OPEN, flags, 0o600)
        except OSError as error:
            log.warning("recorder_unavailable", error=str(error))
            return
        if left is not None:
            log.warning("crash_found", file=str(left))
        faulthandler.enable(file=self._open)
        signal.signal(signal.SIGABRT, self._aborted)

    def close(self) -> None:
        """The process ends as it should."""
        logs.record(None)
        if self._open is not None:
            faulthandler.disable()
            os.close(self._open)
            self._open = None
            with suppress(OSError):
                dumps.take_up(self._folder, self._clock.now_ms())

    async def run(self) -> None:
        """Show the interpreter every few seconds that the loop does not stand still."""
        if self._open is None:
            return
        try:
            while True:
                faulthandler.dump_traceback_later(STANDSTILL_S, file=self._open)
                await asyncio.sleep(ARM_S)
                self._look(os.fstat(self._open).st_size)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _look(self, written: int) -> None:
        if written > self._stood:
            self._stood = written
            log.warning("standstill_recorded", file=str(self._folder / dumps.OPEN))

    # -- dumps ----------------------------------------------------------------------------------

    def crashed(self, why: str, error: BaseException | None = None) -> None:
        """Dump, if it is worth it; nothing that goes wrong here may hide the crash."""
        if not self._worth():
            return
        with suppress(OSError, ValueError):
            self._dump(why, {} if error is None else _told(error))

    def _worth(self) -> bool:
        """It lived for long, or nothing was dumped just before."""
        now_ms = self._clock.now_ms()
        if self._clock.mono_ms() - self._started_mono_ms >= SOON_MS:
            return True
        crashes = [one for one in dumps.dumps(self._folder) if dumps.why_of(one) != dumps.ASKED]
        return not any(now_ms - one.stat().st_mtime * 1000 < SOON_MS for one in crashes)

    def _dump(self, why: str, about: dict[str, object]) -> Path:
        told = {"gateway": self._gateway, "version": __version__, **about}
        mask = Mask(self._secrets)
        return dumps.write(self.recorder, self._folder, why, self._clock.now_ms(), told, mask)

    def _aborted(self, number: int, _frame: FrameType | None) -> None:
        """SIGABRT, from outside: dump, then end by it as if nobody had heard it."""
        self.crashed("aborted")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    async def answer(self, request: Request) -> Mapping[str, object]:
        """``request/flight-recorder``: dump now.

        Raises:
            RequestError: it cannot be written.
        """
        about: dict[str, object] = {"author": str(request.fields.get("author", ""))[:200]}
        try:
            file = await asyncio.to_thread(self._dump, dumps.ASKED, about)
        except OSError as error:
            raise RequestError(f"{self._folder}: {error.strerror}") from error
        log.info("flight_dumped", file=str(file))
        return {"file": str(file), "lines": len(self.recorder.lines())}

    def forget(self, device: str) -> None:
        """A device was erased: what names it goes from memory, and dumps that do from the disk."""
        self.recorder.forget(lambda text: device in text)
        try:
            dumps.forget(self._folder, device)
        except OSError as error:
            log.warning("dump_not_forgotten", error=str(error))


def _told(error: BaseException) -> dict[str, object]:
    trace = "".join(traceback.format_exception(error))
    return {"error": repr(error)[:1_000], "traceback": trace[-TRACE:]}


def _secrets(settings: Settings) -> Iterator[str]:
    """What the files hold that the settings name."""
    for part in _SECRETS:
        for file in _files(getattr(settings, part, None)):
            with suppress(OSError):
                yield from secrets_of(file.read_bytes()[:SECRET_BYTES].decode("utf-8", "replace"))


def _files(node: object, key: str = "") -> Iterator[Path]:
    if is_dataclass(node) and not isinstance(node, type):
        for one in fields(node):
            yield from _files(getattr(node, one.name), one.name)
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _files(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _files(value, key)
    elif key.endswith("_file") and key not in ("ca_file", "cert_file") and node:
        yield Path(str(node))
