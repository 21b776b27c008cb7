import re
import sys

import pytest

from gateway import registry
from gateway.errors import ConfigError


def test_a_file_with_a_bridge_is_a_kind_and_its_helpers_are_none():
    kinds = registry.kinds("bridges")
    assert {"json", "text", "zigbee2mqtt"} <= set(kinds)
    assert "declared" not in kinds
    assert list(kinds) == sorted(kinds)


@pytest.mark.parametrize("kind", registry.kinds("bridges"))
def test_every_bridge_can_be_made_of_its_defaults(kind):
    found = registry.find("bridges", kind)
    bridge = found("s", found.Settings())
    assert found.__name__ == "Bridge"
    assert bridge.subscriptions()


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("zigbe2mqtt", "did you mean 'zigbee2mqtt'?"),
        ("xyz", "known: "),
        ("../json", "unknown bridge"),
        ("declared", "unknown bridge"),
        ("Json", "unknown bridge"),
        ("", "unknown bridge"),
    ],
)
def test_an_unknown_kind_is_refused_with_a_hint(kind, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        registry.find("bridges", kind)


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """A distribution with two entry points, as pip would leave it."""
    (tmp_path / "acme_gateway.py").write_text("class Bridge:\n    pass\n")
    meta = tmp_path / "acme-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(
        "[gateway.bridges]\nacme = acme_gateway:Bridge\nbroken = acme_gateway:Nothing\n"
        "module = acme_gateway\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("acme_gateway", None)


@pytest.mark.usefixtures("plugged")
def test_a_plug_in_is_found_by_its_entry_point():
    assert "acme" in registry.kinds("bridges")
    assert registry.find("bridges", "acme").__module__ == "acme_gateway"


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize("kind", ["broken", "module"])
def test_a_plug_in_that_cannot_be_loaded_is_a_config_error(kind):
    with pytest.raises(ConfigError, match=kind):
        registry.find("bridges", kind)
