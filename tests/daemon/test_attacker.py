"""Somebody who may publish whatever they like on a bridge's topics, and what it gets them.

A short version of scripts/prove_attacker.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.attacking import WIDER, Campaign
from tests.fakes.killed import broken
from tests.fakes.mosquitto import Mosquitto

MakeBroker = Callable[..., Mosquitto]


def test_lies_on_a_bridge_s_topics_get_nothing_that_the_file_does_not_allow(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    campaign = Campaign(tmp_path, make_broker().start(), seed=7)
    campaign.play(rounds=16)
    assert campaign.findings() == set()
    assert {topic for _, topic, *_ in campaign.sent} >= {"zigbee2mqtt/plug/set"}
    assert broken(tmp_path) == []


@pytest.mark.parametrize("wider", ["the horn sounded", "too many in an hour"])
def test_the_oracle_finds_a_file_that_allows_more(
    tmp_path: Path, make_broker: MakeBroker, wider: str
) -> None:
    assert wider in WIDER
    campaign = Campaign(tmp_path, make_broker().start(), seed=1, wider=[wider])
    campaign.play(rounds=10)
    assert wider in campaign.findings()
