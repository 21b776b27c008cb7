"""A running gateway whose configuration is several files, and names what is elsewhere."""

import signal
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

FAN = "metrics:\n  speed: {from: zigbee/fan, unit: rpm}\n"


@pytest.mark.broker
def test_an_included_file_that_changed_is_taken_by_a_reload_and_a_bad_one_is_named(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    (tmp_path / "fan.yaml").write_text(FAN)
    text = pump(broker.port) + "  fan: !include fan.yaml\n"
    assert f"port: {broker.port}" in text
    text = text.replace(f"port: {broker.port}", "port: !env PLANT_PORT")
    where = {"PLANT_PORT": str(broker.port)}
    with Daemon(tmp_path, text, environment=where) as daemon:
        zigbee.online().tell("fan", speed=900)
        wait_until(lambda: daemon.values("speed") == [900], "it is heard")
        (tmp_path / "fan.yaml").write_text(FAN + "  noise: {from: zigbee/fan, unitt: dB}\n")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: _told(zigbee, "configuration_rejected"), "it is refused")
        assert "fan.yaml:3:29: unknown key" in _told(zigbee, "configuration_rejected")
        (tmp_path / "fan.yaml").write_text(FAN + "  noise: {from: zigbee/fan, unit: dB}\n")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: _told(zigbee, "configuration_loaded"), "it is taken")
        zigbee.tell("fan", speed=901, noise=40)
        wait_until(lambda: daemon.values("noise") == [40], "the new metric is heard")
        assert daemon.stop() == 0


def _told(zigbee: Zigbee, event: str) -> str:
    """What the newest such event says."""
    told = [one for one in zigbee.heard("edge/here/event") if one["event"] == event]
    return str(told[-1]) if told else ""
