"""The topics as a table, and documents that would be too large."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.topic_tree import encode
from gateway.core.topic_tree_gateway import log_line
from gateway.core.topic_tree_list import TOPICS, abandoned, find
from gateway.core.topic_tree_sizes import LIMIT, payload, shortened


def test_every_topic_is_found_by_its_name() -> None:
    for topic in TOPICS:
        name = topic.name.replace("<asset>", "pump.7").replace("<source>", "a").replace("<", "")
        assert find(name.replace(">", "")) is topic
    assert find("asset/pump/strange") is None
    assert find("strange") is None


TREES = st.dictionaries(
    st.sampled_from(["causes", "error", "kept"]),
    st.one_of(
        st.lists(st.text(max_size=200), max_size=200),
        st.text(max_size=20_000),
        st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=100),
    ),
)


@given(TREES)
def test_a_document_is_cut_where_it_may_be_and_says_by_how_much(tree: dict[str, object]) -> None:
    document = {"v": 1, "ts": "now"} | tree
    cut = shortened(document, ("error", "causes"), limit=2_000)
    small = {key: value for key, value in document.items() if key not in ("error", "causes")}
    assert len(encode(cut)) <= 2_000 or len(encode(small)) > 1_900
    told = cut.get("cut", {})
    assert isinstance(told, dict)
    for key in ("error", "causes"):
        if key in document:
            assert len(cut[key]) + told.get(key, 0) == len(document[key])  # type: ignore[arg-type]
    assert {key: cut[key] for key in small} == small


def test_a_small_document_is_not_touched_and_a_nested_map_can_be_cut() -> None:
    document: dict[str, object] = {"v": 1, "verdict": {"inputs": {f"m{at}": at for at in range(9)}}}
    assert json.loads(payload("asset/p/decision", document)) == document
    document["verdict"] = {"inputs": {f"metric {at}": at for at in range(2_000)}, "rung": "none"}
    made = json.loads(payload("asset/p/decision", document))
    assert len(payload("asset/p/decision", document)) <= LIMIT
    assert made["verdict"]["rung"] == "none"
    assert len(made["verdict"]["inputs"]) + made["cut"]["verdict.inputs"] == 2_000


def test_what_the_file_no_longer_has_is_abandoned_and_nothing_else() -> None:
    base = "edge/here"
    kept = ["info", "audit/checkpoint", "asset/pump/state", "devices/zigbee"]
    gone = ["asset/fan/state", "devices/plc"]
    topics = [f"{base}/{name}" for name in kept + gone] + ["edge/old/info"]
    found = abandoned(topics, base, ["pump"], ["zigbee"])
    assert found == [*(f"{base}/{name}" for name in gone), "edge/old/info"]


def test_a_log_line_keeps_its_keys_apart() -> None:
    line = log_line({"event": "broker_lost", "level": "warning", "at": "x", "error": "e"}, 2, 0)
    assert (line["event"], line["keys"], line["dropped"]) == ("broker_lost", {"error": "e"}, 2)
