"""What the checks share: where they look, and how they say what they found."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway import registry
from gateway.config import tree
from gateway.config.problems import Problem, choices, near
from gateway.config.root import Root
from gateway.config.tree import Document, Place, Step
from gateway.core.rules import Expression


@dataclass(frozen=True, slots=True)
class Findings:
    """The file, and the model of what is right in it."""

    root: Root
    doc: Document

    def names(self, *place: Step) -> list[str]:
        """The keys at a place as the file has them: what is there but wrong is not unknown."""
        node = self.doc.node(place)
        return list(node.items) if isinstance(node, tree.Mapping) else []

    def whole(self, place: Place, count: int) -> bool:
        """All entries of a list were right, so that what it says can be relied on."""
        node = self.doc.node(place)
        return count == (len(node.items) if isinstance(node, tree.Sequence) else 0)

    def at(self, place: Place, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem at a value, or at its key."""
        return self.doc.problem(place, message, hint, key=key)

    def unknown(
        self, place: Place, what: str, name: str, known: Iterable[str]
    ) -> Iterator[Problem]:
        """A problem if a name is not known."""
        names = list(known)
        if name not in names:
            yield self.at(place, f"unknown {what} {name[:80]!r}", _near(name, names))

    def spelling(self, place: Place, source: str, device: str) -> Iterator[Problem]:
        """A problem if the source's bridge spells the device otherwise: it would never match."""
        entry = self.root.sources.get(source)
        if entry is None:
            return
        spell = getattr(registry.find("bridges", entry.bridge), "spell", str)
        right = spell(device)
        if right != device:
            yield self.at(
                place, f"{entry.bridge} never says {device[:80]!r}", f"did you mean {right[:80]!r}?"
            )

    def metrics(
        self, place: Place, rule: Expression, known: Iterable[str], what: str = "metric"
    ) -> Iterator[Problem]:
        """Problems of a rule: metrics it names that are not there, each at its column."""
        names = list(known)
        for metric in sorted(rule.metrics.difference(names)):
            offset = max(0, rule.text.find(metric))
            yield self.doc.problem(
                place, f"unknown {what} {metric[:80]!r}", _near(metric, names), offset=offset
            )


def _near(name: str, names: list[str]) -> str:
    return near(name, names) or f"there are {choices(names)}"
