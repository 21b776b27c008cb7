"""Trials: what a new version must show, in shadow and on probation, counted window by window.

Only windows that the active version answered are counted in shadow, and only those for which the
candidate is ready (calibrated): a window that nobody could judge says nothing about either.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

SLOW_SHARE: Final = 0.05
"""So many windows may take longer than ``max_latency``: one late answer is the machine's."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a candidate must show before, and keep after, it is promoted."""

    windows: int = 500
    """Judged in shadow before it is compared."""
    probation: int = 500
    """Judged after the promotion before it is trusted."""
    auto: bool = False
    """Promote when the trial is passed; else a command does."""
    max_disagreement: float = 0.05
    """Share of the windows in which it may say something else than the active version."""
    alarm_low: float = 0.0
    """Least share of windows with a label other than normal."""
    alarm_high: float = 0.02
    """Most of them."""
    max_latency_ms: int = 50
    failures: int = 3
    """Windows on which it may fail on probation before the previous version is back."""


class Tally(NamedTuple):
    """What was seen of a version so far."""

    windows: int = 0
    agreed: int = 0
    alarms: int = 0
    active_alarms: int = 0
    """Of the version that was active meanwhile."""
    abstained: int = 0
    """Windows without an answer."""
    slow: int = 0
    """Answers later than ``max_latency``."""
    total_ms: float = 0.0
    worst_ms: float = 0.0

    def plus(self, label: str | None, other: str | None, took_ms: float, rules: Rules) -> "Tally":
        """One more window.

        Args:
            label: what it said; None when it did not answer.
            other: what the active version said; None when there is nothing to compare with.
            took_ms: how long it took.
            rules: what is slow.
        """
        return Tally(
            windows=self.windows + 1,
            agreed=self.agreed + (label is not None and other in (None, label)),
            alarms=self.alarms + (label is not None and label != "normal"),
            active_alarms=self.active_alarms + (other is not None and other != "normal"),
            abstained=self.abstained + (label is None),
            slow=self.slow + (took_ms > rules.max_latency_ms),
            total_ms=round(self.total_ms + took_ms, 3),
            worst_ms=round(max(self.worst_ms, took_ms), 3),
        )

    @property
    def disagreement(self) -> float:
        """Share of windows in which it said something else, or nothing."""
        return 1 - self.agreed / self.windows if self.windows else 0.0

    @property
    def alarm_rate(self) -> float:
        """Share of windows with a label other than normal."""
        return self.alarms / self.windows if self.windows else 0.0

    @property
    def mean_ms(self) -> float:
        """Mean time per window's answer."""
        return self.total_ms / self.windows if self.windows else 0.0


class Outcome(NamedTuple):
    """How a trial stands."""

    ended: bool
    faults: tuple[str, ...] = ()
    """Why it is not passed; empty when it is."""


OPEN: Final = Outcome(ended=False)


def compared(tally: Tally, rules: Rules) -> Outcome:
    """How the trial in shadow stands; it always runs to its end, for the figures."""
    if tally.windows < rules.windows:
        return OPEN
    faults = []
    if tally.disagreement > rules.max_disagreement:
        faults.append(
            f"disagreed on {tally.disagreement:.1%} of {tally.windows} windows,"
            f" at most {rules.max_disagreement:.1%} are allowed"
        )
    beside = f" (the active version in {tally.active_alarms / tally.windows:.1%})"
    faults += [fault + beside for fault in _alarms(tally, rules)]
    if tally.slow > SLOW_SHARE * tally.windows:
        faults.append(
            f"took longer than {rules.max_latency_ms} ms for {tally.slow} of {tally.windows}"
            f" windows (up to {tally.worst_ms:.0f} ms)"
        )
    return Outcome(ended=True, faults=tuple(faults))


def proved(tally: Tally, rules: Rules) -> Outcome:
    """How the probation stands; it ends as soon as its outcome is certain."""
    if tally.abstained >= rules.failures:
        return Outcome(ended=True, faults=(f"failed on {tally.abstained} windows",))
    most = rules.alarm_high * rules.probation
    if tally.alarms > most or tally.windows >= rules.probation:
        return Outcome(ended=True, faults=tuple(_alarms(tally, rules)))
    return OPEN


def _alarms(tally: Tally, rules: Rules) -> list[str]:
    if rules.alarm_low <= tally.alarm_rate <= rules.alarm_high:
        return []
    bounds = f"{rules.alarm_low:.1%} to {rules.alarm_high:.1%}"
    seen = f"alarmed in {tally.alarm_rate:.1%} of {tally.windows} windows"
    return [f"{seen}, outside {bounds}"]
