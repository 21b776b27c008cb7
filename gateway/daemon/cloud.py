"""One cloud's model: whether it may be asked now, and asking it.

Nothing here waits but ``ask``, and that at most for its deadline.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from gateway.config.settings import CloudModel
from gateway.core import oip
from gateway.core.egress import Egress
from gateway.core.ids import RANDOM_BYTES, new_id
from gateway.core.oip import Expected, Said, Tensor
from gateway.core.pseudonyms import Pseudonyms
from gateway.core.purses import Purse
from gateway.core.questions import Remote
from gateway.core.topic_tree import Document
from gateway.daemon.breaker import Breaker
from gateway.daemon.clock import Clock
from gateway.errors import CloudAnswerError, CloudRefusedError, CloudUnavailableError, ConfigError

QUARANTINE_MS: Final = 3_600_000
"""After an answer that says that the question is wrong."""

log = structlog.get_logger()


class Way(Protocol):
    """How a question gets there."""

    async def send(self, id_: str, body: bytes, deadline_s: float) -> bytes:
        """The body of its answer; raises a ``CloudError``."""
        ...

    async def close(self) -> None:
        """Let it go."""
        ...


class Cloud:
    """One entry of ``cloud.inference``."""

    def __init__(
        self, settings: CloudModel, way: Way, names: Callable[[], Pseudonyms], clock: Clock
    ) -> None:
        """``names``: reads the key of the pseudonyms, blocking.

        Raises:
            ConfigError: the breaker's library is not installed.
        """
        self.settings = settings
        self.way = way
        self.purse = Purse(settings.budget)
        self.counts: Counter[str] = Counter()
        self.egress = Egress()
        self._names = names
        self._known: Pseudonyms | None = None
        self._clock = clock
        self._breaker = Breaker(settings.name, settings.rest_ms)
        self._banned = ""
        self._banned_until_ms = 0
        self.error = ""
        """Why the last question that failed did."""
        self.took_ms: int | None = None
        """From the last question to its answer."""

    # -- whether -------------------------------------------------------------------------------

    def admit(self, asked: Remote) -> str:
        """Why it cannot be asked now; empty: it is going to be."""
        mono_ms, settings = self._clock.mono_ms(), self.settings
        if settings.egress == "none":
            return "egress is none"
        if self._banned and mono_ms < self._banned_until_ms:
            return f"quarantined: {self._banned}"
        learnt = asked.state.calibration
        if settings.egress == "features" and learnt is not None and not learnt.ready:
            return "calibrating"
        self.purse.look(self._clock.now_ms(), clock_ok=self._clock.ok())
        return self.purse.refusal() or ("" if self._breaker.admit(mono_ms) else "breaker open")

    def forgive(self) -> None:
        """The file changed: what was wrong may be right now."""
        self._banned = ""

    # -- asking --------------------------------------------------------------------------------

    async def ask(self, asked: Remote) -> Said | str:
        """The answer of one that was admitted, or why there is none."""
        began_ms = self._clock.mono_ms()
        try:
            async with asyncio.timeout(asked.rung.deadline_ms / 1000):
                said = await self._said(asked)
        except _SpentError as error:
            self._breaker.withdrawn()
            return str(error)
        except CloudRefusedError as error:
            self._breaker.succeeded()
            return self._ban(str(error))
        except TimeoutError:
            return self._failed(CloudUnavailableError("deadline"), "timeout")
        except CloudUnavailableError as error:
            return self._failed(error, "failed")
        except CloudAnswerError as error:
            return self._failed(error, "wrong")
        self._breaker.succeeded()
        self._banned, self.took_ms = "", self._clock.mono_ms() - began_ms
        self.counts["answered"] += 1
        return said

    async def _said(self, asked: Remote) -> Said:
        id_ = new_id(self._clock.now_ms(), os.urandom(RANDOM_BYTES))
        body = oip.question(id_, await self._tensor(asked), await self._parameters(asked))
        why = self.purse.refusal(len(body))
        if why:
            raise _SpentError(why)
        self.counts["asked"] += 1
        self.purse.spend(1, len(body))
        left = True  # also when its time is over
        try:
            answer = await self.way.send(id_, body, asked.rung.deadline_ms / 1000)
        except CloudUnavailableError as error:
            left = error.sent
            raise
        finally:
            if left:
                self.egress.note(body)
            else:
                self.purse.spend(-1, -len(body))
        self.purse.spend(0, len(answer))
        return oip.answer(answer, self._expected(asked, id_))

    async def _tensor(self, asked: Remote) -> Tensor:
        state, settings = asked.state, self.settings
        assert state.reduces is not None  # noqa: S101  # every state of a file has it
        values, rows, columns = asked.window.values, state.windows.shape.length, state.columns
        shape: tuple[int, ...] = (1, rows, len(columns))
        numbers: Sequence[float] = values
        if settings.egress == "features":
            if state.calibration is not None:
                values = state.calibration.apply(values, len(columns))
            shape, numbers = await asyncio.to_thread(state.reduces.features, values)
        name = settings.input or state.reduces.tensor
        return Tensor(name, shape, numbers, settings.datatype)

    async def _parameters(self, asked: Remote) -> dict[str, object]:
        """What leaves beside the numbers, by the list of the file."""
        found: dict[str, object] = {}
        if "asset" in self.settings.fields:
            found["asset"] = await self._named(asked.asset)
        if "metrics" in self.settings.fields:
            found["metrics"] = ",".join(asked.state.columns)
        return found

    async def _named(self, asset: str) -> str:
        if not self.settings.pseudonyms:
            return asset
        if self._known is None:
            try:
                self._known = await asyncio.to_thread(self._names)
            except ConfigError as error:
                raise CloudRefusedError(str(error)) from error
        return self._known.asset(asset)

    def _expected(self, asked: Remote, id_: str) -> Expected:
        settings, reduces = self.settings, asked.state.reduces
        output, width, column = reduces.output if reduces else ("", 1, 0)
        return Expected(
            id_, settings.model, settings.version, settings.output or output, width, column
        )

    def _failed(self, error: Exception, count: str) -> str:
        self.counts[count] += 1
        self.error = str(error)
        self._breaker.failed(error, self._clock.mono_ms())
        return self.error

    def _ban(self, why: str) -> str:
        self.counts["refused"] += 1
        self.error = self._banned = why
        self._banned_until_ms = self._clock.mono_ms() + QUARANTINE_MS
        log.error("cloud_quarantined", cloud=self.settings.name, error=why)
        return why

    # -- health --------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``off``, ``quarantined``, ``spent``, or the breaker's."""
        if self.settings.egress == "none":
            return "off"
        if self._banned and self._clock.mono_ms() < self._banned_until_ms:
            return "quarantined"
        return "spent" if self.purse.refusal() else self._breaker.state

    def problem(self) -> str:
        """What works less than it should; empty when nothing does."""
        why = {
            "quarantined": f"quarantined: {self._banned}",
            "spent": self.purse.refusal(),
            "opened": f"breaker open: {self.error}",
            "half-opened": f"breaker open: {self.error}",
        }.get(self.state, "")
        return f"cloud {self.settings.name}: {why}" if why else ""

    def document(self) -> Document:
        """For the health document."""
        self.purse.look(self._clock.now_ms(), clock_ok=self._clock.ok())
        left = self.purse.left
        names = ("asked", "answered", "late", "overtaken", "timeout", "failed", "wrong", "refused")
        return {
            "state": self.state,
            "calls_left": left.calls,
            "bytes_left": left.bytes,
            "took_ms": self.took_ms,
            "error": self.error or None,
            "counters": {name: self.counts[name] for name in names},
        }


class _SpentError(Exception):
    """The question is longer than what may be sent today."""
