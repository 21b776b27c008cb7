"""What of a file holds at a reload, and what waits for a restart; and how changes are named."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from gateway.config import apart, frame, lastgood
from gateway.config.changes import changes
from gateway.config.document import parse
from gateway.config.keypaths import SHOWN, shown
from gateway.config.settings import Limits, Settings
from gateway.errors import ConfigError

TEXT = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
store: {path: gateway.db}
assets:
  pump: {metrics: {power: {from: zigbee/plug, range: [0, 5]}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    return file


def changed(file: Path, *pairs: tuple[str, str]) -> tuple[Settings, Settings]:
    """The settings before and after, as the daemon reads them."""
    before, text = lastgood.read(file), TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
    return before, apart.load(file, before.snapshot)


def test_every_setting_is_of_the_frame_or_holds_at_a_reload() -> None:
    names = {field.name for field in fields(Settings)}
    assert frame.FRAME.keys() | frame.LIVE | frame.ABOUT == names
    assert len(frame.FRAME) + len(frame.LIVE) + len(frame.ABOUT) == len(names)
    assert {field.name for field in fields(Limits)} - frame.LIMITS.keys() == {"commands_per_minute"}


def test_what_can_be_exchanged_is_and_the_rest_stays_and_is_named(file: Path) -> None:
    pairs = (
        ("127.0.0.1", "other"),
        ("[0, 5]", "[0, 6]"),
        ("store:", "log: {level: debug}\nstore:"),
    )
    before, after = changed(file, *pairs)
    kept = frame.kept(before, after)
    assert kept == ("brokers",)
    assert set(after.changed) == {
        *("brokers.local.host", "log.level", "assets.pump.metrics.power.range[1]")
    }
    assert frame.waiting(after.changed, kept) == ("brokers.local.host",)
    now = frame.within(before, after, kept)
    assert now.brokers == before.brokers
    assert (now.assets, now.log.level) == (after.assets, "debug")
    assert now.snapshot == b""  # half of a file has not run well


def test_another_spelling_of_the_same_is_nothing_to_restart_for(file: Path) -> None:
    before, after = changed(file, ("127.0.0.1", "127.0.0.1, port: 1883"))
    assert after.changed == ("brokers.local.port",)
    assert frame.kept(before, after) == ()
    assert frame.within(before, after, ()) is after


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("gateway.db", "other.db", "store.path is another database"),
        ("broker: local}", "broker: b}", "what is new needs brokers.b"),
    ],
)
def test_nothing_is_exchanged_where_the_rest_needs_the_new_frame(
    file: Path, old: str, new: str, why: str
) -> None:
    pairs = ((old, new), ("{local: {host: 127.0.0.1}}", "{local: {host: x}, b: {host: y}}"))
    before, after = changed(file, *pairs)
    with pytest.raises(ConfigError, match=why):
        frame.within(before, after, frame.kept(before, after))


def test_what_only_follows_from_another_key_is_not_named(file: Path) -> None:
    before, after = changed(file, ("id: here", "id: there"))  # and with it the client's id
    assert frame.kept(before, after) == ("gateway.id", "brokers")
    assert frame.waiting(after.changed, frame.kept(before, after)) == ("gateway.id",)
    same = replace(after, changed=())
    assert frame.waiting(same.changed, ("gateway.id", "brokers")) == ("gateway.id", "brokers")


def test_changes_are_named_as_deep_as_they_are() -> None:
    def named(old: str, new: str) -> list[str]:
        roots = [parse(text.encode(), Path("g.yaml")).root for text in (old, new)]
        return list(changes(*roots))

    assert named("a: {b: 1, c: [1, 2]}", "a: {b: 1, c: [1, 3]}") == ["a.c[1]"]
    assert named("a: {c: [1, 2]}", "a: {c: [1]}") == ["a.c"]
    assert named("a: {b: 1}\nd: 1", "a: 1\ne: 1") == ["a", "d", "e"]
    assert named("a: 5", "a: '5'") == ["a"]
    assert named("a: 1\nb:", "a: 1") == []
    assert named("a: 1", "a: 1\nb: {c: {d: 1, e: 2}}") == ["b.c"]
    assert shown(map(str, range(SHOWN + 2)))[-1] == "and 2 more"
