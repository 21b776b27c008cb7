"""Alerts: what people are told beyond MQTT, one route per entry of the file's ``alerts``.

What happens together becomes one letter: a route waits ``group_ms`` after the first notice, and
``every_ms`` after its last letter. A letter that cannot be delivered is tried again with back-off,
together with what came in the meantime; notices beyond ``MOST``, and those that were tried in vain
``len(BACKOFF_MS)`` times, are dropped and counted. Times are the monotonic clock's.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.commands import Command, State
from gateway.core.explanations import scored
from gateway.core.topic_tree import rfc3339
from gateway.core.verdicts import Decision, Mode

MOST: Final = 200
"""Notices that wait on one route; the oldest give way."""
SHOWN: Final = 20
"""Lines of one letter; it says how many more there are."""
BACKOFF_MS: Final = (10_000, 30_000, 120_000, 600_000, 1_800_000)
"""Before each further try."""
BAD_ENDS: Final = frozenset({State.FAILED, State.TIMEOUT, State.EXPIRED, State.REFUSED})


class Kind(StrEnum):
    """What people can be told of."""

    RAISED = "raised"
    CLEARED = "cleared"
    FAIL_SAFE = "fail_safe"
    FAILED = "failed"
    OFFLINE = "offline"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of the file's ``alerts``."""

    name: str
    """``alerts/0``."""
    to_file: str
    when: frozenset[Kind]
    assets: frozenset[str] = frozenset()
    """Empty: all."""
    group_ms: int = 10_000
    every_ms: int = 60_000


class Notice(NamedTuple):
    """One thing to tell."""

    kind: Kind
    text: str
    at_ms: int
    asset: str = ""
    """Empty: the gateway itself."""


class Letter(NamedTuple):
    """One message to people."""

    title: str
    body: str
    kinds: tuple[str, ...]
    holds: int
    """Notices in it."""


def wanted(route: Route, notice: Notice) -> bool:
    """The route tells of this."""
    of_asset = not notice.asset or not route.assets or notice.asset in route.assets
    return of_asset and notice.kind in route.when


def of_decision(made: Decision, name: str) -> Notice | None:
    """What to tell of a decision; nothing of one in shadow, and of repetitions."""
    if made.mode is Mode.SHADOW or made.event not in tuple(Kind):
        return None
    verdict = made.verdict
    what = f"{name}: {made.event} {verdict.label}" if made.event != "cleared" else f"{name}: clear"
    why = f" ({verdict.rung}, {scored(verdict)})" if verdict.score is not None else ""
    does = {"act": f" -> {made.action}", "advise": f"; advice: {made.action}"}[made.mode.value]
    refused = f", refused: {made.refused}" if made.refused else ""
    text = what + why + (does + refused if made.action else "")
    return Notice(Kind(made.event), text, verdict.at_ms, made.asset)


def of_command(order: Command, name: str, now_ms: int) -> Notice | None:
    """What to tell of a command: only that it was not proved to be done."""
    if order.state not in BAD_ENDS:
        return None
    text = f"{name}: command {order.action} to {order.device}: {order.state} ({order.reason})"
    return Notice(Kind.FAILED, text, now_ms, order.asset)


@dataclass(slots=True)
class Pending:
    """The notices of one route that have not been delivered to one of its addresses."""

    route: Route
    line: int = 0
    """Which address of the route's file, from 0."""
    notices: list[Notice] = field(default_factory=list)
    lost: int = 0
    """Dropped since the last letter that arrived; the next one says so."""
    due_mono_ms: int | None = None
    tries: int = 0
    sending: int = 0
    """Notices of the letter that is on its way; 0 when none is."""
    told_mono_ms: int | None = None

    @property
    def key(self) -> str:
        """Who waits for it, over restarts."""
        return f"{self.route.to_file}#{self.line}"

    def add(self, notice: Notice, mono_ms: int) -> int:
        """Take a notice; how many were dropped for it."""
        self.notices.append(notice)
        if self.due_mono_ms is None and not self.sending:
            self.due_mono_ms = mono_ms + self.route.group_ms
            if self.told_mono_ms is not None:
                soonest = self.told_mono_ms + self.route.every_ms
                self.due_mono_ms = max(self.due_mono_ms, soonest)
        if len(self.notices) <= MOST:
            return 0
        at = self.sending  # what is on its way stays: its fate is decided elsewhere
        del self.notices[at]
        self.lost += 1
        return 1

    def letter(self, mono_ms: int, gateway: str) -> Letter | None:
        """The letter that is due; until its fate is told there is no other."""
        if self.sending or self.due_mono_ms is None or mono_ms < self.due_mono_ms:
            return None
        self.sending, self.due_mono_ms = len(self.notices), None
        return compose(self.notices, self.lost, gateway)

    def delivered(self, mono_ms: int) -> int:
        """It arrived; how many notices were in it."""
        count, self.sending, self.tries, self.lost = self.sending, 0, 0, 0
        del self.notices[:count]
        self.told_mono_ms = mono_ms
        if self.notices:
            self.due_mono_ms = mono_ms + max(self.route.group_ms, self.route.every_ms)
        return count

    def failed(self, mono_ms: int) -> int:
        """It did not arrive: try again later; how many notices were given up for good."""
        self.tries += 1
        if self.tries <= len(BACKOFF_MS):
            self.sending = 0
            self.due_mono_ms = mono_ms + BACKOFF_MS[self.tries - 1]
            return 0
        count, self.sending, self.tries = self.sending, 0, 0
        del self.notices[:count]
        self.lost += count
        self.due_mono_ms = mono_ms + self.route.group_ms if self.notices else None
        return count

    def to_json(self) -> str:
        """What must survive a restart."""
        return json.dumps({"lost": self.lost, "notices": self.notices}, ensure_ascii=False)

    def restore(self, text: str, mono_ms: int) -> None:
        """Take up what ``to_json`` wrote; nothing when it is damaged."""
        try:
            tree = json.loads(text)
            notices = [
                Notice(Kind(kind), str(said), int(at_ms), str(asset))
                for kind, said, at_ms, asset in tree["notices"]
            ]
            self.lost = int(tree["lost"])
        except (ValueError, TypeError, KeyError):
            return
        for notice in notices[-MOST:]:
            self.add(notice, mono_ms)


def compose(notices: Sequence[Notice], lost: int, gateway: str) -> Letter:
    """One message of many notices."""
    first = notices[0]
    kinds = Counter(notice.kind.value for notice in notices)
    many = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    title = f"{gateway}: {first.text if len(notices) == 1 else many}"
    lines = [f"{rfc3339(one.at_ms)}  {one.text}" for one in notices[:SHOWN]]
    if len(notices) > SHOWN:
        lines.append(f"... and {len(notices) - SHOWN} more")
    if lost:
        lines.append(f"{lost} earlier ones could not be told")
    return Letter(title[:200], "\n".join(lines), tuple(kinds), len(notices))


def named(names: Mapping[str, str], asset: str) -> str:
    """What people call an asset, with its id."""
    name = names.get(asset, asset)
    return asset if name == asset else f"{name} ({asset})"
