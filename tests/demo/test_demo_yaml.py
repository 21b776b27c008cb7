"""The demo's configuration is a real one."""

from pathlib import Path

from gateway import config
from gateway.demo import plant, radio_chirpstack, radio_thethings, radio_zigbee2mqtt, run, twin

FILE = Path(run.ROOM) / "demo.yaml"


def test_it_can_be_loaded_where_it_lies():
    settings = config.load(FILE)
    assert set(settings.assets) == set(plant.PUMPS)
    assert settings.base == "edge/demo"


def test_it_knows_the_devices_that_the_radios_have():
    settings = config.load(FILE)
    for name, asset in settings.assets.items():
        devices = {metric.name: metric.device for metric in asset.metrics.values()}
        assert devices["power"] == radio_zigbee2mqtt.PLUGS[name] == asset.actions["stop"].device
        assert radio_chirpstack.EUIS[devices["vibration"]] == name
        assert radio_chirpstack.EUIS[devices["temperature"]] == name
        assert radio_thethings.METERS[devices["flow"]] == name


def test_its_rule_is_the_one_that_the_twin_waits_for():
    settings = config.load(FILE)
    for asset in settings.assets.values():
        assert asset.ladder[1].expression.text == twin.RULE
    assert twin.RULE.endswith(f"{twin.LIMIT:.0f}")


def test_what_the_demo_writes_differs_in_port_and_place_alone(tmp_path):
    written = run._configuration(tmp_path, 4711)
    settings = config.load(written)
    assert settings.brokers["local"].port == 4711
    assert settings.models["pump-anomaly"].package == run.ROOM / run.PACKAGE
    assert settings.store.path == tmp_path / "gateway.db"
    changed = set(written.read_text().splitlines()) - set(FILE.read_text().splitlines())
    assert len(changed) == 2


def test_a_folder_with_an_odd_name_is_quoted(tmp_path):
    folder = tmp_path / "a folder, with {odd} #name"
    folder.mkdir()
    assert config.load(run._configuration(folder, 1)).store.path.parent == folder
