"""Members: why an ensemble said what it said, by each of its models and by all together.

A channel's share together is the mean of its shares with the members, weighed by what each added:
for ``mean`` and ``median`` its score in multiples of its own level; with ``max`` the largest one
spoke alone; with ``vote`` each that voted for the label counts the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.core import explanations
from gateway.core.ensembles import How
from gateway.core.explanations import Cause, Explanation, number
from gateway.core.inquiries import Inquiries
from gateway.core.verdicts import Verdict


class Member(NamedTuple):
    """One model of an ensemble, explained."""

    said: Mapping[str, object]
    """As the verdict has it: model, version, hash, label, score, relative."""
    method: str
    causes: tuple[Cause, ...]
    note: str
    """Why there is no more to say."""

    def words(self, count: int) -> str:
        """``pump 1.0.0 says alarm, 1.2 times its level: flow 12 l/min, usually 28 to 33: 61 %``."""
        found = "; ".join(cause.words for cause in explanations.top(self.causes, count))
        head = f"{self.said['model']} {self.said['version']} says {self.said['label']}"
        why = found or self.note or "no channel alone lowers the score"
        return f"{head}, {number(self.relative)} times its level: {why}"

    @property
    def relative(self) -> float:
        """Its score in multiples of its level."""
        return float(str(self.said["relative"]))

    def document(self, count: int) -> Mapping[str, object]:
        """In data."""
        found = explanations.top(self.causes, count)
        channels = [explanations.tree(cause) for cause in found]
        told = {"method": self.method, "channels": channels, "note": self.note or None}
        return {**self.said, **told}


def of_members(verdict: Verdict, about: Inquiries, told: Sequence[Member]) -> Explanation:
    """An ensemble raised its label: the channels that its members' scores rest on."""
    together = explanations.top(_together(verdict.label, about.how, told), about.top)
    lines = [member.words(about.top) for member in told]
    return Explanation(
        "ensemble" if together else "none",
        (*(cause.words for cause in together), *lines) or (explanations.scored(verdict),),
        together,
        span_ms=about.span_ms,
        note="" if together else "no member could be explained",
        members=tuple(member.document(about.top) for member in told),
    )


def _together(label: str, how: How, told: Sequence[Member]) -> list[Cause]:
    """Each channel once, as the member tells it that it counts most with."""
    weights = [(member, _weight(member, label, how, told)) for member in told if member.causes]
    total = sum(weight for _, weight in weights)
    if total <= 0:
        return []
    parts: dict[str, list[tuple[float, Cause]]] = {}
    for member, weight in weights:
        for cause in member.causes:
            parts.setdefault(cause.what, []).append((cause.share * weight / total, cause))
    return [
        replace(max(shares, key=lambda part: part[0])[1], share=sum(share for share, _ in shares))
        for shares in parts.values()
    ]


def _weight(member: Member, label: str, how: How, told: Sequence[Member]) -> float:
    if how == "vote":
        return float(member.said["label"] == label)
    if how == "max":
        return float(member.relative == max(one.relative for one in told))
    return max(0.0, member.relative)
