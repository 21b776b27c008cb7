"""``edge-gateway init``: what a broker says becomes a file that ``check`` accepts."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import config
from gateway.adapters.mqtt import Broker
from gateway.cli import init_proposal, init_sight, init_sources, init_yaml
from gateway.cli.init_listen import Heard
from gateway.cli.init_proposal import Place, Proposal
from gateway.cli.main import cli
from gateway.core.messages import Message
from gateway.core.ports import Outgoing
from gateway.demo.run import whole_site
from gateway.demo.site import Link
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.ports import free_port

INIT = [sys.executable, "-m", "gateway", "init"]
TASMOTA = {
    "tele/charger/LWT": b"Online",
    "tele/charger/STATE": b'{"Time":"2026-01-01T10:00:00","Uptime":"0T01","POWER":"ON"}',
    "tele/charger/SENSOR": b'{"Time":"2026-01-01T10:00:00","ENERGY":{"Total":3.1,"Power":212,'
    b'"Voltage":230},"DS18B20":{"Id":"01","Temperature":21.5},"TempUnit":"C"}',
}
PLAIN = {
    "factory/press4/plc": b'{"oil_temp_C": 61.2, "pressure_bar": 3.4, "running": true}',
    "factory/press5/plc": b'{"oil_temp_C": 60.1, "pressure_bar": 3.5, "running": false}',
}


def broker(folder: Path, *lines: str) -> Mosquitto:
    if PROGRAM is None:
        pytest.skip("needs mosquitto")
    return Mosquitto(folder, *lines)


def run_beside_plant(port: int, *words: str, stdin: int = subprocess.DEVNULL) -> Any:
    """Run init while the simulated plant, a Tasmota plug and two presses speak."""
    site = whole_site(7)
    site.start("127.0.0.1", port, time.time_ns() // 1_000_000)
    others = Link("others", ("none",))
    others.start("127.0.0.1", port)
    process = subprocess.Popen(
        [*INIT, "--broker", f"127.0.0.1:{port}", *words],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while process.poll() is None:
            for topic, payload in (TASMOTA | PLAIN).items():
                others.publish(Outgoing(topic, payload, 0))
            for _ in range(10):
                site.step(0.05, time.time_ns() // 1_000_000)
                time.sleep(0.05)
        return process
    finally:
        process.kill()
        site.stop()
        others.stop()


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What was written and said of the simulated plant."""
    folder = tmp_path_factory.mktemp("init")
    real = broker(folder).start()
    file = folder / "gateway.yaml"
    words = ("--yes", "--listen-for", "8s", "--json", "--id", "plant", "--output", str(file))
    process = run_beside_plant(real.port, *words)
    out, err = process.communicate()
    real.kill()
    assert process.returncode == 0, err
    return file, json.loads(out), err


@pytest.mark.broker
@pytest.mark.slow
class TestThePlant:
    def test_check_accepts_it_without_a_word(self, proposed: Any) -> None:
        file, _, _ = proposed
        result = CliRunner().invoke(cli, ["check", "--json", str(file)])
        told = json.loads(result.output)
        assert told["ok"], told
        assert [one for one in told["warnings"] if "availability" not in one["message"]] == []

    def test_every_bridge_and_device_is_found(self, proposed: Any) -> None:
        _, told, _ = proposed
        (place,) = told["brokers"].values()
        kinds = {one["bridge"]: one["devices"] for one in place["sources"].values()}
        assert kinds.keys() == {"zigbee2mqtt", "chirpstack", "thethings", "tasmota", "json"}
        assert len(kinds["zigbee2mqtt"]) == len(kinds["chirpstack"]) == 3
        assert kinds["thethings"] == ["flow-meter-5", "flow-meter-6", "flow-meter-7"]
        assert kinds["json"] == ["press4", "press5"]
        assert told["left_out"] == []

    def test_units_come_from_the_registry_and_the_codecs(self, proposed: Any) -> None:
        settings = config.load(proposed[0])
        plug = settings.assets["plant-line-1-pump-plug"].metrics
        assert (plug["power"].unit, plug["energy"].unit, plug["energy"].kind) == (
            "W", "kWh", "counter",
        )  # fmt: skip
        assert plug["state"].words == {"ON": True, "OFF": False}
        press = settings.assets["press4"].metrics
        assert (press["oil_temp_c"].unit, press["pressure_bar"].unit) == ("degC", "bar")
        charger = settings.assets["charger"].metrics
        assert charger["power"].unit == "W"
        assert charger["switch"].words == {"ON": True, "OFF": False}
        assert {one.unit for one in charger.values()} >= {"W", "V", "kWh", "degC"}

    def test_a_switch_is_an_action_that_is_only_advised(self, proposed: Any) -> None:
        settings = config.load(proposed[0])
        asset = settings.assets["plant-line-1-pump-plug"]
        assert set(asset.actions) == {"switch_off", "switch_on"}
        assert asset.actions["switch_off"].proof.metric == "power"
        assert [rule.mode.value for rule in asset.policy] == ["advise"]
        assert settings.assets["charger"].actions["switch_off"].set == {"POWER": "OFF"}
        assert settings.assets["charger"].actions["switch_off"].proof.metric == "power"

    def test_it_is_commented(self, proposed: Any) -> None:
        text = proposed[0].read_text()
        assert "DEMO-PLUG" in text
        assert "unit by its name only: check it" in text
        assert "edge-gateway check" in text

    def test_nothing_of_progress_is_in_a_pipe(self, proposed: Any) -> None:
        assert "\r" not in proposed[2]

    def test_the_daemon_takes_it(self, proposed: Any) -> None:
        settings = config.load(proposed[0])
        assert settings.gateway_id == "plant"
        assert len(settings.assets) == 12


@pytest.mark.broker
@pytest.mark.slow
def test_at_a_terminal_it_asks_and_joins_what_has_one_name(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    real = make_broker().start()
    file = tmp_path / "gateway.yaml"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*INIT, "--broker", f"127.0.0.1:{real.port}", "--listen-for", "4s", "--output", str(file)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    link = Link("presses", ("none",))
    link.start("127.0.0.1", real.port)
    said = ""
    answers = {"Take json": b"y\n", "json/press4": b"Hall\n", "json/press5": b"hall\n"}
    while process.poll() is None or answers:
        for topic, payload in PLAIN.items():
            link.publish(Outgoing(topic, payload, 0))
        try:
            said += os.read(ours, 4096).decode()
        except OSError:
            break
        for question in [one for one in answers if one in said.rpartition("\n")[2]]:
            os.write(ours, answers.pop(question))
    assert process.wait(30) == 0, said
    link.stop()
    assert "s left" in said
    settings = config.load(file)
    (asset,) = settings.assets.values()
    assert asset.id == "hall"
    assert {"oil_temp_c", "press5_oil_temp_c"} <= asset.metrics.keys()


@pytest.mark.broker
def test_a_quiet_broker_writes_nothing_and_exits_with_1(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    real = make_broker().start()
    words = ["--yes", "--listen-for", "200ms", "--output", str(tmp_path / "g.yaml")]
    done = subprocess.run(
        [*INIT, "--broker", f"127.0.0.1:{real.port}", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no bridge and no JSON was heard" in done.stderr
    assert not (tmp_path / "g.yaml").exists()


def test_a_broker_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    words = ["--yes", "--output", str(tmp_path / "g.yaml"), "--broker", f"127.0.0.1:{free_port()}"]
    done = subprocess.run([*INIT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("edge-gateway: 127.0.0.1:")
    assert done.stderr.count("\n") == 1


def test_it_writes_over_no_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("mine\n")
    done = subprocess.run(
        [*INIT, "--yes", "--output", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert file.read_text() == "mine\n"


@pytest.mark.parametrize("said", [":1883", "host:0", "host:70000"])
def test_a_broker_that_is_none_is_an_argument_error(said: str) -> None:
    result = CliRunner().invoke(cli, ["init", "--yes", "--output", "-", "--broker", said])
    assert result.exit_code == 2
    assert "HOST" in result.output


def heard(*said: tuple[str, bytes]) -> Heard:
    told = Heard()
    for at, (topic, payload) in enumerate(said):
        told.take(Message("local", topic, payload, 0, False, False, 1_000 + at, 1_000 + at))
    return told


def proposal(told: Heard) -> Proposal:
    found = init_sources.sources(told, "local")
    place = Place(
        Broker("local", client_id="-"), told, [init_sight.look(one, told) for one in found]
    )
    made = Proposal("here", [place])
    for part in init_proposal.parts(place):
        init_proposal.add(made, part)
    return made


def test_two_zigbees_and_our_own_topics() -> None:
    made = proposal(
        heard(
            ("z1/bridge/state", b"online"),
            ("home/z2/bridge/state", b'{"state":"online"}'),
            ("z1/plug", b'{"power": 3}'),
            ("edge/other/asset/pump/state", b'{"score": 3}'),
            ("homeassistant/device/x/config", b'{"a": 3}'),
        )
    )
    found = {one.source.name: one.source.settings for one in made.places[0].sights}
    assert sorted(one["base"] for one in found.values()) == ["home/z2", "z1"]
    assert sorted(found) == ["zigbee", "zigbee_2"]
    assert list(made.assets) == ["plug"]


def test_a_device_without_a_codec_is_named_with_the_reason() -> None:
    up = b'{"deviceInfo":{"devEui":"24e124136b502217","applicationId":"a"},"fCnt":1,"data":"AQ=="}'
    made = proposal(heard(("application/a/device/24e124136b502217/event/up", up)))
    assert made.assets == {}
    assert "codec" in made.left_out[0]


def test_a_list_of_named_records_is_folded() -> None:
    made = proposal(heard(("factory/press4/plc", b'[{"n":"OIL_T","v":61.2},{"n":"OK","v":true}]')))
    assert [one.name for _, one in made.assets["press4"].metrics] == ["oil_t", "ok"]


WORDS = st.text(st.characters(exclude_characters="+#\0/", codec="utf-8"), min_size=1, max_size=12)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-9999, 9999), st.floats(-1e6, 1e6), WORDS, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=4), VALUES), max_size=6), WORDS)
def test_whatever_devices_call_themselves_the_file_is_one(
    said: list[tuple[list[str], object]], name: str
) -> None:
    """Names, keys and values of devices are theirs to choose; the file is ours."""
    messages = [("/".join(levels), json.dumps(value).encode()) for levels, value in said]
    messages += [("z/bridge/state", b"online")]
    messages += [(f"z/{name}", json.dumps({name: 3, "state": "ON"}).encode())]
    made = proposal(heard(*messages))
    text = init_yaml.text(made, "gateway.yaml", 0)
    yaml.safe_load(text)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.yaml"
        file.write_text(text, encoding="utf-8")
        loaded = config.load(file)
    assert loaded.assets.keys() == made.assets.keys()
    for id_, asset in made.assets.items():
        for part, one in asset.metrics:
            metric = loaded.assets[id_].metrics[one.name]
            assert (metric.device, str(metric.path)) == (part.seen.device, one.path)
