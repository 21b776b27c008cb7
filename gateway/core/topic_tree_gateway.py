"""What the gateway publishes of itself: who it is, how it is, which devices it hears, its log."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gateway.core.problem_ids import id_of
from gateway.core.topic_tree import VERSION, Document, head, rfc3339
from gateway.core.topic_tree_list import TOPICS

SCHEMAS: Final = {topic.name: f"docs/topics/{topic.schema}.schema.json" for topic in TOPICS}
"""Where the schema of each topic lies in the source of the version that publishes."""


class Member(NamedTuple):
    """A device that a source has spoken of."""

    device: str
    at_ms: int | None
    """When it was heard last, UTC epoch ms; None: not since the start."""
    assets: tuple[str, ...] = ()
    """Which assets the file maps it to."""
    offline: bool = False
    """It announced that it is gone."""


class Problem(NamedTuple):
    """One line of what works less than it should."""

    text: str
    since_ms: int


def info(parts: Mapping[str, object], now_ms: int) -> Document:
    """``info``, retained."""
    return head(now_ms) | dict(parts) | {"topics_version": VERSION, "schemas": SCHEMAS}


def state(name: str, since_ms: int, problems: int, now_ms: int) -> Document:
    """``state``, retained: ``running``, ``degraded``, ``safe_mode`` or ``stopping``."""
    return head(now_ms) | {"state": name, "since": rfc3339(since_ms), "problems": problems}


def problems(found: Iterable[Problem], now_ms: int) -> Document:
    """``problems``, retained: what is wrong now, the oldest first."""
    rows = [
        {"id": id_of(one.text), "about": one.text.split(" ", 1)[0].rstrip(":"), "text": one.text}
        | _since(one)
        for one in sorted(found, key=lambda one: one.since_ms)
    ]
    return head(now_ms) | {"count": len(rows), "problems": rows}


def _since(one: Problem) -> Document:
    return {"since": rfc3339(one.since_ms)}


def devices(source: str, members: Iterable[Member], forgotten: int, now_ms: int) -> Document:
    """``devices/<source>``, retained; unmapped ones newest first.

    ``forgotten``: unmapped devices that were heard and are no longer remembered.
    """
    known = list(members)
    unmapped = sorted(
        (one for one in known if not one.assets), key=lambda one: one.at_ms or 0, reverse=True
    )
    return head(now_ms) | {
        "source": source,
        "mapped": [
            {"device": one.device, "assets": list(one.assets)} | _heard(one)
            for one in known
            if one.assets
        ],
        "unmapped": [{"device": one.device} | _heard(one) for one in unmapped],
        "forgotten": forgotten,
    }


def _heard(one: Member) -> Document:
    last = None if one.at_ms is None else rfc3339(one.at_ms)
    return {"last_seen": last, "offline": one.offline}


def log_line(event: Mapping[str, object], dropped: int, now_ms: int) -> Document:
    """``log``, not retained: one event of the log; ``dropped`` were not published before it."""
    named = ("event", "level", "at")
    return head(now_ms) | {
        "level": event.get("level"),
        "event": event.get("event"),
        "keys": {key: value for key, value in event.items() if key not in named},
        "dropped": dropped,
    }
