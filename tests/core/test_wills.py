"""Which safe commands a broker may hold, and what is read back of those that others gave."""

from pathlib import Path

import pytest

from gateway import config, registry
from gateway.core.absence import Done, given, line, read
from gateway.core.wills import will

ACTION = """
gateway: {{id: here}}
brokers: {{local: {{host: localhost}}}}
sources: {{it: {{bridge: {bridge}}}}}
assets:
  pump:
    metrics: {{power: {{from: it/0011223344556677, unit: W}}}}
    actions: {{stop: {{to: it/0011223344556677, {set}}}}}
"""


@pytest.mark.parametrize(
    ("bridge", "set_", "possible"),
    [
        ("tasmota", 'set: {POWER: "OFF"}', True),
        ("tasmota", 'set: {POWER1: "OFF", POWER2: "OFF"}', False),
        ("json, topic: 'is/{device}', command_topic: 'act/{device}'", "set: {open: false}", True),
        ("chirpstack, application_id: a", 'set: {data: "AQ=="}, options: {port: 3}', False),
        ("thethings, application: a@b", 'set: {data: "AQ=="}, options: {port: 3}', False),
        ("zigbee2mqtt", 'set: {state: "OFF"}', False),  # no registry came yet
    ],
)
def test_a_will_depends_on_no_time_and_no_id(
    tmp_path: Path, bridge: str, set_: str, possible: bool
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(ACTION.format(bridge=bridge, set=set_))
    settings = config.load(file)
    source = settings.sources["it"]
    made = registry.find("bridges", source.kind)(source.name, source.settings)
    found = will(made, settings.assets["pump"].actions["stop"], None)
    assert (found is not None) is possible


def test_of_a_command_the_last_word_counts_and_a_line_cut_short_is_none() -> None:
    first = Done("c", "d", "pump", "stop", None, {"state": "OFF"}, said="unknown")
    other = Done("e", "f", "fan", "stop", None, refused="maintenance")
    last = Done("c", "d", "pump", "stop", None, {"state": "OFF"}, said="acknowledged")
    text = line(first) + line(other) + line(last) + line(first)[:20]
    assert read(text) == [last, other]
    assert given(read(text)) == {"pump"}
