"""The file's section about a fleet."""

from pathlib import Path

import pytest

from gateway.config import BadFileError, load
from gateway.core.fleet import Member

TEXT = """
gateway: {id: a}
brokers: {local: {host: x}, other: {host: y}}
fleet: {site: plant, members: [a, b]}
sources:
  zigbee: {bridge: zigbee2mqtt, broker: local}
  more: {bridge: zigbee2mqtt, broker: other}
assets:
  pump:
    metrics: {power: {from: zigbee/plug, unit: W}}
    actions: {stop: {to: zigbee/plug, set: {state: "OFF"}}}
"""


def _written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "gateway.yaml"
    file.write_text(text)
    return file


def test_a_file_without_a_fleet_has_none(tmp_path: Path) -> None:
    changed = ("fleet: {site: plant, members: [a, b]}", "")
    assert load(_written(tmp_path, changed)).fleet is None


def test_it_is_as_the_file_says(tmp_path: Path) -> None:
    more = "members: [a, b], weights: {b: 0.5}, username: c, password_file: s"
    more += ", takeover: {silent: 6s, give_back: never}"
    fleet = load(_written(tmp_path, ("members: [a, b]", more))).fleet
    assert fleet is not None
    assert (fleet.site, fleet.me, fleet.broker) == ("plant", "a", "local")
    assert fleet.members == (Member("a"), Member("b", 0.5))
    assert (fleet.silent_ms, fleet.give_back_ms) == (6_000, None)
    assert (fleet.username, fleet.password_file) == ("c", str(tmp_path / "s"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{id: a}", "{id: z}", "this gateway ('z') is not a member"),
        ("[a, b]", "[a, b, a]", "'a' stands there twice"),
        ("[a, b]", "[a]", "'members' should have at least 2 entries"),
        ("[a, b]", "[a, b], weights: {c: 2}", "unknown member 'c'"),
        ("[a, b]", "[a, b], weights: {a: 0}", "'a' should be greater than 0"),
        ("[a, b]", "[a, b], takeover: {beat: 2s}", "silent: at least three times beat"),
        ("to: zigbee/", "to: more/", "'other' is not the broker of the fleet ('local')"),
    ],
)
def test_what_would_let_two_command_or_none_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(BadFileError) as caught:
        load(_written(tmp_path, (old, new)))
    assert [one for one in caught.value.problems if said in one.message], caught.value
