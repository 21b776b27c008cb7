"""Golden captures: ``tests/captures/<bridge>/<case>/`` becomes a test by being there.

``topic.txt`` and ``payload.json`` (or ``payload.bin``) are the message, ``expect.json`` lists the
events it must become: ``event`` names the kind, ``values`` gives some values by path, any other
key is a field of the event. Optional: ``settings.json``, and an empty file ``retained``.
"""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from gateway import registry
from gateway.core import paths
from gateway.core.messages import Message

ROOT = Path(__file__).parents[1] / "captures"
RADIO = ("zigbee2mqtt", "chirpstack", "thethings", "tasmota")
CASES = sorted(path for kind in RADIO for path in (ROOT / kind).glob("*/"))
NOW_MS = 1_770_000_000_000


def captured(case):
    payload = next(case.glob("payload.*")).read_bytes()
    if (case / "payload.json").exists():
        payload = payload.removesuffix(b"\n")
    topic = (case / "topic.txt").read_text().removesuffix("\n")
    retain = (case / "retained").exists()
    return Message(
        "local", topic, payload, 0, retain, dup=False, received_at_ms=NOW_MS, received_mono_ms=0
    )


def plain(value):
    """An event's field as JSON has it."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def shown(event, expected):
    """The parts of an event that the capture names."""
    found = {"event": type(event).__name__.lower()}
    for name in expected.keys() - {"event"}:
        if name == "values":
            wanted = expected["values"]
            found["values"] = {at: paths.Path.parse(at).first(event.values) for at in wanted}
        else:
            found[name] = plain(getattr(event, name))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_capture_becomes_what_it_became(case):
    bridge = registry.find("bridges", case.parent.name)
    told = case / "settings.json"
    settings = json.loads(told.read_text()) if told.exists() else {}
    events = bridge("source", bridge.Settings(**settings)).decode(captured(case))
    expected = json.loads((case / "expect.json").read_text())
    assert len(events) == len(expected)
    assert [shown(*pair) for pair in zip(events, expected, strict=True)] == expected


@pytest.mark.parametrize("kind", RADIO)
def test_every_radio_bridge_has_captures(kind):
    assert any(case.parent.name == kind for case in CASES)
