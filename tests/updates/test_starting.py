"""Starts of a gateway with a configuration on trial: counted, and given up without its help."""

import json
from pathlib import Path

import pytest

from gateway import config
from gateway.config import apart, delivery
from gateway.config.settings import Settings
from gateway.core.verdicts import Mode
from gateway.errors import ConfigError, GatewayError
from gateway.updates import configuration, starting
from gateway.updates.record import FILE, Record, Taken, changing

TEXT = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
store: {path: gateway.db}
updates: {url: "https://example.org/u", root: root.json, config: {may: [assets]}}
assets: ASSETS
"""
ASSETS = """{pump: {name: "NAME", metrics: {power: {from: zigbee/plug, unit: W}},
  verdicts: [{rule: "power > LIMIT"}]}}"""


def assets(name: str, limit: int = 5) -> str:
    return ASSETS.replace("NAME", name).replace("LIMIT", str(limit))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A gateway's file."""
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT.replace("ASSETS", assets("ours")))
    return file


def applied(file: Path, name: str) -> Taken:
    """Received, and on trial."""
    data = f"assets: {assets(name)}".encode()
    folder = file.parent / "updates"
    taken = Taken("config/gateway/here.yaml", delivery.digest(data), "", 1)
    with changing(folder) as record:
        configuration.apply(folder, record, taken, data)
    return taken


class Here(apart.Reading):
    """The file, read in this process: a start is one of many, and reading says the same."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def again(self) -> apart.Reading:
        return Here(self.path)

    def settings(self) -> Settings:
        return config.load(self.path)


def start(file: Path) -> Settings:
    """As ``edge-gateway run`` does it, but for the process that reads the file."""
    return starting.settings(Here(file))


def name(file: Path) -> str:
    return start(file).assets["pump"].name


def test_a_received_configuration_lies_over_the_file(file: Path) -> None:
    def run() -> str:
        """As ``edge-gateway run`` does it, with the process that reads the file."""
        return starting.settings(apart.Reading(file)).assets["pump"].name

    assert run() == name(file) == "ours"
    taken = applied(file, "theirs")
    assert run() == name(file) == "theirs"
    settings = config.load(file)
    assert (settings.received, settings.file) == (taken.sha256, file)


def test_after_three_starts_the_file_alone_is_back_and_the_reason_is_kept(file: Path) -> None:
    taken = applied(file, "theirs")
    assert [name(file) for _ in range(5)] == ["theirs"] * 3 + ["ours"] * 2
    record = Record.load(file.parent / "updates")
    assert "started 3 times" in record.out[taken.sha256]
    assert [told["event"] for told in record.untold] == ["update_applied", "update_rolled_back"]


def test_what_is_gone_back_to_is_the_last_that_was_good(file: Path) -> None:
    folder = file.parent / "updates"
    applied(file, "good")
    with changing(folder) as record:
        trial = configuration.Trial.load(folder)
        assert trial is not None
        configuration.keep(folder, record, trial)
    applied(file, "bad")
    assert [name(file) for _ in range(4)] == ["bad"] * 3 + ["good"]


def test_one_that_is_kept_is_not_counted(file: Path) -> None:
    folder = file.parent / "updates"
    applied(file, "good")
    with changing(folder) as record:
        trial = configuration.Trial.load(folder)
        assert trial is not None
        configuration.keep(folder, record, trial)
    assert {name(file) for _ in range(9)} == {"good"}


def test_a_stop_in_good_order_takes_its_start_back(file: Path) -> None:
    applied(file, "theirs")
    for _ in range(9):
        with starting.watched(start(file)):
            pass
    assert name(file) == "theirs"


def test_a_wrong_configuration_that_is_found_later_is_given_up_and_systemd_may_start_again(
    file: Path,
) -> None:
    applied(file, "theirs")
    with pytest.raises(GatewayError) as caught, starting.watched(start(file)):
        raise ConfigError("audit.key_file: no key")
    assert not isinstance(caught.value, ConfigError)
    assert name(file) == "ours"
    with pytest.raises(ConfigError), starting.watched(start(file)):
        raise ConfigError("audit.key_file: no key")


@pytest.mark.parametrize("lost", ["trial.json", "current.yaml", "previous.yaml"])
def test_a_lost_file_harms_nothing(file: Path, lost: str) -> None:
    applied(file, "theirs")
    (file.parent / "updates" / "config" / lost).unlink(missing_ok=True)
    assert name(file) in ("ours", "theirs")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"models": 1}', b'{"out": null}', b"\xff"])
def test_a_damaged_record_is_an_empty_one(file: Path, text: bytes) -> None:
    folder = file.parent / "updates"
    applied(file, "theirs")
    (folder / FILE).write_bytes(text)
    (folder / "config" / "trial.json").write_bytes(text)
    assert name(file) == "theirs"
    assert Record.load(folder).untold == []


def test_a_cut_apply_leaves_what_was_in_force(file: Path) -> None:
    """Killed after the marker and before the file: the marker is of another one."""
    folder = file.parent / "updates"
    taken = applied(file, "theirs")
    trial = json.loads((folder / "config" / "trial.json").read_text())
    trial["taken"][1] = "f" * 64
    (folder / "config" / "trial.json").write_text(json.dumps(trial))
    assert configuration.Trial.load(folder) is None
    assert {name(file) for _ in range(5)} == {"theirs"}
    assert taken.sha256 == config.load(file).received


def test_one_that_no_longer_fits_gives_way_to_the_file(file: Path) -> None:
    applied(file, "theirs")
    file.write_text(file.read_text().replace("zigbee: {bridge", "radio: {bridge"))
    with pytest.raises(ConfigError):
        config.load(file)  # the file alone is wrong, too
    file.write_text(file.read_text().replace("from: zigbee/", "from: radio/"))
    settings = config.load(file)
    assert settings.assets["pump"].name == "ours"
    assert "current.yaml:2" in settings.received_why or "current.yaml:1" in settings.received_why
    assert "unknown source 'zigbee'" in settings.received_why


def test_a_file_that_asks_for_none_takes_none(file: Path) -> None:
    applied(file, "theirs")
    file.write_text(file.read_text().replace(", config: {may: [assets]}", ""))
    assert name(file) == "ours"
    assert delivery.configuration(file.parent / "updates").is_file()


def test_a_policy_may_be_taken_away_or_made_milder(file: Path) -> None:
    ours = """{pump: {name: ours, metrics: {power: {from: zigbee/plug, unit: W}},
  actions: {stop: {to: zigbee/plug, set: {state: "OFF"}}}, verdicts: [{rule: "power > 5"}],
  policy: [{when: alarm, do: stop, mode: act}], fail_safe: {after: 1h, do: stop}}}"""
    file.write_text(TEXT.replace("ASSETS", ours))
    folder = file.parent / "updates"
    delivery.configuration(folder).parent.mkdir(parents=True)
    for old, new, fine in (
        ("mode: act}]", "mode: advise}]", True),
        (", fail_safe: {after: 1h, do: stop}", "", True),
        ("power > 5", "power > 9", True),
        ("after: 1h", "after: 1s", False),
        ("do: stop, mode: act", "do: stop, mode: act, for: 1 of 3", False),
        ('"OFF"}}', '"OFF"}, deadline: 1s}', False),
        ("verdicts", "limits: {commands_per_hour: 900}, verdicts", False),
    ):
        text = "assets: " + ours.replace(old, new)
        assert text != "assets: " + ours, old
        delivery.configuration(folder).write_text(text)
        settings = config.load(file)
        assert bool(settings.received) is fine, (new, settings.received_why)
        assert settings.assets["pump"].policy[0].mode in (Mode.ACT, Mode.ADVISE)
