"""Chronicle: what the audit chain says that a replay must know: people, stops and starts.

The time of a record is that of its commit: up to ``limits.batch`` after what it tells of.
"""

import json
from collections import deque
from typing import Any, Final

from gateway.core.audit import Kind as Recorded
from gateway.core.interventions import GATEWAY, Intervention, Kind
from gateway.daemon.rehearsal import Rehearsal
from gateway.store.history import History

EARLIER_MS: Final = 31 * 86_400_000
"""Nothing that people said holds longer."""
_KINDS: Final = (Recorded.GATEWAY.value, Recorded.INTERVENTION.value, Recorded.CONFIGURATION.value)
_STANDING: Final = frozenset({Kind.HOLD, Kind.MODE, Kind.MAINTENANCE, Kind.STOP})


class Chronicle:
    """What happened beside the readings."""

    def __init__(self, history: History, site: Rehearsal, start_ms: int, until_ms: int) -> None:
        """Take up what stood when it began."""
        found = history.events(_KINDS, start_ms - EARLIER_MS, until_ms)
        self._site = site
        self._left = deque(one for one in found if one.at_ms >= start_ms)
        self._files: list[tuple[int, str]] = []
        for event in found:
            if event.at_ms < start_ms and event.kind == Recorded.INTERVENTION:
                self._said(json.loads(event.body), start_ms - event.at_ms)
        self.off = False
        """The gateway was stopped, and not started again yet."""

    def next_ms(self, boot: int, until_ms: int) -> int | None:
        """When the next thing happened in this boot or before, up to a time; None: nothing did."""
        if not self._left or self._left[0].boot > boot:
            return None
        event = self._left[0]
        return event.at_ms if event.at_ms <= until_ms or event.boot < boot else None

    def take(self) -> None:
        """Let the next thing happen."""
        event = self._left.popleft()
        body = json.loads(event.body)
        if event.kind == Recorded.INTERVENTION:
            self._said(body, 0)
        elif event.kind == Recorded.CONFIGURATION:
            self._files.append((event.at_ms, str(body.get("sha256", ""))))
        elif body.get("event") == "stopped":
            self.off = True
        elif body.get("event") == "started":
            self.off = False
            self._site.restart()

    def notes(self, since_ms: int) -> list[str]:
        """Whether it was another file that judged then."""
        before = [digest for at_ms, digest in self._files if at_ms < since_ms][-1:]
        digests = [*before, *(digest for at_ms, digest in self._files if at_ms >= since_ms)]
        if len(set(digests)) < 2:  # noqa: PLR2004 - one file all the time
            return []
        return [f"{len(set(digests))} different files judged in this time"]

    def _said(self, body: dict[str, Any], ago_ms: int) -> None:
        """A person said something, so long ago."""
        kind = Kind(body["kind"])
        if kind not in _STANDING:
            return
        seconds, clock = body["for_s"], self._site.clock
        one = Intervention(
            id=body["id"],
            kind=kind,
            asset=body["asset"] or GATEWAY,
            author=body["author"],
            reason=body["reason"],
            at_ms=clock.now_ms() - ago_ms,
            mono_ms=clock.mono_ms() - ago_ms,
            boot=clock.boot,
            for_ms=None if seconds is None else round(seconds * 1000),
            value=body["value"] or "",
            policy=body["policy"] or "",
        )
        if body["change"] == "began":
            self._site.standing.put(one)
        else:
            self._site.standing.end(one.key)
