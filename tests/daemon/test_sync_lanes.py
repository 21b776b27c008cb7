"""What the daemon makes of what the process of sync says."""

from typing import Any

from gateway.config.settings import SyncSink
from gateway.core.choices import Choice, Kind
from gateway.daemon.sync_lanes import NEWS_MS, Lanes


def lane(sink: str = "hq", error: str = "", **more: Any) -> dict[str, Any]:
    shared = {"sink": sink, "lane": "events", "kind": "http", "bytes_today": 1, "budget": None}
    return shared | {"position": "", "error": error, "left": 0} | more


def test_a_cloud_that_is_away_is_news_after_a_minute_and_once() -> None:
    lanes = Lanes()
    lanes.take([lane(error="no route")], 0)
    assert lanes.news(NEWS_MS - 1) == []
    assert lanes.news(NEWS_MS) == [("hq", "no route")]
    assert lanes.news(NEWS_MS + 1) == []
    assert lanes.unavailable == {"hq": "no route"}
    lanes.take([lane()], NEWS_MS + 2)
    assert lanes.news(NEWS_MS + 2) == [("hq", "")]
    assert lanes.unavailable == {}


def test_a_blip_is_no_news() -> None:
    lanes = Lanes()
    for at in range(0, 10 * NEWS_MS, NEWS_MS // 2):
        lanes.take([lane(error="x" if at % NEWS_MS else "")], at)
        assert lanes.news(at) == []


def test_refusals_are_told_at_once_and_then_once_a_minute() -> None:
    lanes = Lanes()
    lanes.refuse("hq", 1, "bad")
    assert lanes.refusals(0) == [("hq", (1, "bad"))]
    for _ in range(5):
        lanes.refuse("hq", 2, "worse")
        assert lanes.refusals(NEWS_MS - 1) == []
    assert lanes.refusals(NEWS_MS) == [("hq", (10, "worse"))]


def test_the_document_is_by_sink_and_lane() -> None:
    lanes = Lanes()
    lanes.take([lane(), lane(lane="live"), lane("b")], 0)
    told: Any = lanes.documents()
    assert sorted(told) == ["b", "hq"]
    assert sorted(told["hq"]["lanes"]) == ["events", "live"]
    assert told["hq"]["lanes"]["live"] == {"error": "", "left": 0}


def test_rows_are_taken_when_every_cloud_has_them_that_wants_them() -> None:
    def sink(name: str, *kinds: Kind) -> SyncSink:
        return SyncSink(name, "http", None, Choice(frozenset(kinds)))

    sinks = {"a": sink("a", Kind.ALERTS), "b": sink("b", Kind.ALERTS, Kind.HEALTH)}
    lanes = Lanes()
    lanes.take([lane("a", position="alert:7,audit:1,checkpoint:0,health:0")], 0)
    assert lanes.taken(sinks) == {}
    both = [
        lane("a", position="alert:7,audit:1,checkpoint:0,health:0"),
        lane("b", position="alert:5,audit:1,checkpoint:0,health:9"),
    ]
    lanes.take(both, 0)
    assert lanes.taken(sinks) == {"alert": 5, "health": 9}
