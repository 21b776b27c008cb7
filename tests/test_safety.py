"""docs/safety.md says what the limits are, in the order in which they are asked."""

import re
from pathlib import Path

from gateway import config
from gateway.core.limits import By
from gateway.core.limits_order import ORDER

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/safety.md").read_text()
ROW = re.compile(r"^\| `?(\w+)`? \| (.+?) \| .+? \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)
BEFORE, AFTER = ["store", "fleet"], ["proof", "registry"]
FRAME = """gateway: {id: plant}
brokers: {local: {host: localhost}}
sources: {zigbee: {bridge: zigbee2mqtt}}
"""
OTHERS = """
  tank: {metrics: {level: {from: zigbee/tank}}}
  pump-8:
    metrics: {power: {from: zigbee/pump 8 plug}}
    actions: {stop: {to: zigbee/pump 8 plug, set: {state: "OFF"}, undone_if: power > 5}}
"""


def test_the_table_has_every_limit_in_its_order() -> None:
    names = [found[1] for found in ROW.finditer(PAGE) if found[1] != "limit"]
    assert names == [*BEFORE, *(limit.name for limit in ORDER), *AFTER]


def test_the_table_says_for_whom_a_limit_holds() -> None:
    columns = (By.POLICY, By.FAIL_SAFE, By.PERSON)
    said = {found[1]: (found[3], found[4], found[5]) for found in ROW.finditer(PAGE)}
    for limit in ORDER:
        held = tuple("\u00b7" if by in limit.spares else "yes" for by in columns)
        assert said[limit.name] == held, limit.name


def test_the_example_is_a_file_that_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "plant.yaml"
    file.write_text(FRAME + block + OTHERS)
    settings = config.load(file)
    assert [str(deed) for deed in settings.exclusions[0].of] == ["pump-7/stop", "pump-8/stop"]
    assert settings.assets["pump-7"].policy[0].value == 40
