"""The topics that the gateway publishes, as a table: names, what is kept, the schema, what is cut.

Names are below ``edge/<gateway id>/``; ``<asset>``, ``<source>``, ``<broker>`` and ``<name>`` stand
for one level each. A document is an object of the JSON Schema ``docs/topics/<schema>.schema.json``;
of a plain topic the schema is that of its text.
"""

from collections.abc import Collection, Iterable
from functools import cache
from typing import Final, NamedTuple


class Topic(NamedTuple):
    """One kind of topic."""

    name: str
    schema: str
    retained: bool = False
    qos: int = 1
    plain: bool = False
    """A bare word, not JSON."""
    cut: tuple[str, ...] = ()
    """Lists, maps and texts that are shortened, in this order, where a document is too large."""


TOPICS: Final = (
    Topic("availability", "availability", retained=True, plain=True),
    Topic("info", "info", retained=True, cut=("assets", "schemas", "models")),
    Topic("state", "state", retained=True),
    Topic("problems", "problems", retained=True, cut=("problems",)),
    Topic(
        "health",
        "health",
        retained=True,
        cut=("counters", "calibrations", "problems", "sources", "models", "sync.sinks"),
    ),
    Topic("sync", "sync", retained=True, cut=("sinks",)),
    Topic("devices/<source>", "devices", retained=True, cut=("unmapped", "mapped")),
    Topic("audit/checkpoint", "audit-checkpoint", retained=True),
    Topic("event", "event", cut=("error", "causes")),
    Topic("log", "log", qos=0, cut=("keys",)),
    Topic("pulse/<broker>", "pulse", plain=True),
    Topic("asset/<asset>/availability", "availability", retained=True, plain=True),
    Topic(
        "asset/<asset>/state",
        "asset-state",
        retained=True,
        cut=("abstained", "members", "metrics", "calibrations", "scores"),
    ),
    Topic(
        "asset/<asset>/decision",
        "asset-decision",
        cut=("verdict.inputs", "verdict.abstained", "verdict.members"),
    ),
    Topic("asset/<asset>/alert", "asset-alert", retained=True),
    Topic("asset/<asset>/command", "asset-command", cut=("evidence", "reason", "set")),
    Topic(
        "asset/<asset>/explanation",
        "asset-explanation",
        retained=True,
        cut=("members", "channels", "terms", "words"),
    ),
    Topic("asset/<asset>/maintenance", "asset-maintenance", retained=True, cut=("causes",)),
    Topic("response/<name>", "response", cut=("error",)),
)

GROUPS: Final = frozenset({"asset", "devices"})
"""First levels whose second one comes and goes with the user's file."""


@cache
def _index() -> dict[tuple[str, int, str], Topic]:
    return {_shape(topic.name): topic for topic in TOPICS}


def _shape(name: str) -> tuple[str, int, str]:
    """First level, number of levels and, of an asset's topic, the last level."""
    levels = name.split("/")
    return levels[0], len(levels), levels[-1] if levels[0] == "asset" else ""


def find(name: str) -> Topic | None:
    """The kind of a topic below the base; None when it is none of the table."""
    return _index().get(_shape(name))


def abandoned(
    topics: Iterable[str], base: str, assets: Collection[str], sources: Collection[str]
) -> list[str]:
    """Retained topics that nobody renews any more: of another base, of what the file has no longer.

    Args:
        topics: whole topics, as they were published.
        base: ``edge/<gateway id>``.
        assets: ids of the assets of the file.
        sources: names of its sources.
    """
    named = {"asset": assets, "devices": sources}

    def gone(topic: str) -> bool:
        if not topic.startswith(base + "/"):
            return True
        levels = topic.removeprefix(base + "/").split("/")
        return levels[0] in GROUPS and len(levels) > 1 and levels[1] not in named[levels[0]]

    return [topic for topic in topics if gone(topic)]
