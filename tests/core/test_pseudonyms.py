"""Pseudonyms are stable under one key and tell nothing without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.pseudonyms import Pseudonyms

KEY, OTHER = b"k" * 32, b"o" * 32
NAMES = st.text(min_size=1, max_size=40)


@given(NAMES)
def test_the_same_name_has_the_same_pseudonym_and_another_gateway_another(name: str) -> None:
    said = Pseudonyms(KEY).device("zigbee", name)
    assert said == Pseudonyms(KEY).device("zigbee", name)
    assert said != Pseudonyms(OTHER).device("zigbee", name)
    assert said != Pseudonyms(KEY).device("lora", name)
    assert said.removeprefix("device-") != Pseudonyms(KEY).asset(f"zigbee/{name}")


def test_a_row_keeps_what_was_measured_and_no_name() -> None:
    row = {"source": "zigbee", "device": "bedroom", "asset": "", "metric": "power", "value": 1.5}
    told = Pseudonyms(KEY).row(row | {"key": "zigbee/bedroom/power"})
    assert (told["metric"], told["value"], told["asset"]) == ("power", 1.5, "")
    assert "bedroom" not in str(told)
    assert "zigbee" not in str(told)
    assert told["key"] == f"{told['device']}/power"


def test_a_pseudonym_is_found_again_by_who_has_the_key() -> None:
    names = [("asset", "pump-7"), ("device", "zigbee/plug")]
    pseudonyms = Pseudonyms(KEY)
    said = pseudonyms.device("zigbee", "plug")
    assert pseudonyms.find(said, names) == [("device", "zigbee/plug")]
    assert pseudonyms.find("pump-7", names) == [("asset", "pump-7")]
    assert Pseudonyms(OTHER).find(said, names) == []


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Pseudonyms(b"short")
