"""The YAML of docs/sinks and of config/ is what the sinks take."""

import re
from pathlib import Path

import pytest

from gateway import config, registry
from gateway.sinks.mqtt_profiles import PROFILES

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/sinks").glob("*.md"))
BLOCK = re.compile(r"^```yaml\n(cloud:.*?)^```", re.DOTALL | re.MULTILINE)
REST = (ROOT / "config/mqtt.yaml").read_text().split("cloud:")[0]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_what_a_page_shows_loads(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(BLOCK.findall(page.read_text())):
        file = tmp_path / f"{number}.yaml"
        file.write_text(REST + block)
        assert config.load(file).sync


@pytest.mark.parametrize(
    "kind", [kind for kind in registry.kinds("sinks") if kind.startswith(("mqtt", "thin", "file"))]
)
def test_a_sink_has_a_sample(kind: str) -> None:
    samples = [file.read_text() for file in (ROOT / "config").glob("*.yaml")]
    assert any(f"sink: {kind}\n" in sample for sample in samples)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_shown_and_has_a_source(name: str) -> None:
    assert any(f"profile: {name}" in page.read_text() for page in PAGES) or name == "generic"
    assert PROFILES[name].source
