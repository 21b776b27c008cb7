"""Whether a recipe did what it promises. Pure: it hears documents and looks at the site.

A command that is sent and that no promise names is a broken promise, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.rules import View, evaluate
from gateway.demo.recipe import Promise

Document = Mapping[str, object]
WORDS = {"evidence", "refused", "reason", "error", "cause", "rung"}


@dataclass(slots=True)
class Kept:
    """What is known of one promise."""

    promise: Promise
    at_s: float | None = None
    """When it came true, in site time."""
    broken: str = ""

    @property
    def holds(self) -> bool:
        """It is kept so far; what must come has come."""
        promise = self.promise
        waits = not (promise.never or promise.always or promise.finally_)
        return not self.broken and (not waits or self.at_s is not None)


@dataclass(slots=True)
class Book:
    """Every promise of a recipe."""

    promises: tuple[Promise, ...]
    kept: list[Kept] = field(init=False)
    stray: list[str] = field(default_factory=list)
    """Commands that were sent and not promised."""

    def __post_init__(self) -> None:
        self.kept = [Kept(promise) for promise in self.promises]

    def hear(self, kind: str, document: Document, at_s: float) -> list[Kept]:
        """Take a decision, a command or a response; promises that it has just kept."""
        news = []
        for one in self.kept:
            promise = one.promise
            wanted = getattr(promise, kind)
            if not wanted or not promise.after_s <= at_s <= promise.until_s:
                continue
            if not _is(wanted, document):
                continue
            if promise.never:
                one.broken = one.broken or f"{_said(document)} at {at_s:.0f} s"
            elif one.at_s is None:
                one.at_s = at_s
                news.append(one)
        if kind == "command" and document.get("state") == "sent" and not self._named(document):
            self.stray.append(f"{document['asset']}: {document.get('action')}, not promised")
        return news

    def look(self, site: View, at_s: float) -> None:
        """Hold the site itself against what must always be so."""
        for one in self.kept:
            rule = one.promise.always
            inside = one.promise.after_s <= at_s <= one.promise.until_s
            if rule is not None and inside and not one.broken and not evaluate(rule, site):
                one.broken = f"not so at {at_s:.0f} s"

    def close(self, site: View) -> None:
        """The end: what must be so now."""
        for one in self.kept:
            rule = one.promise.finally_
            if rule is not None and not evaluate(rule, site):
                one.broken = "not so at the end"

    def shortcomings(self) -> list[str]:
        """What was promised and is not so."""
        missing = [
            f"{one.promise.that}: {one.broken or 'did not happen'}"
            for one in self.kept
            if not one.holds
        ]
        return missing + self.stray

    @property
    def told(self) -> bool:
        """Everything that must come has come."""
        return all(one.holds for one in self.kept)

    def _named(self, document: Document) -> bool:
        """Some promise is about this action of this asset."""
        keys = ("asset", "action")
        wanted = [one.promise.command for one in self.kept if not one.promise.never]
        return any(all(some.get(key) == document.get(key) for key in keys) for some in wanted)


def _is(wanted: Mapping[str, object], document: Document) -> bool:
    return all(_fits(key, value, document.get(key)) for key, value in wanted.items())


def _fits(key: str, wanted: object, found: object) -> bool:
    """Words for people need only begin so; the empty text also means that there are none."""
    if key in WORDS and wanted and isinstance(wanted, str) and isinstance(found, str):
        return found.startswith(wanted)
    return wanted == found or (wanted == "" and found is None)


def _said(document: Document) -> str:
    keys = ("asset", "event", "label", "action", "state")
    return " ".join(str(document[key]) for key in keys if document.get(key))
