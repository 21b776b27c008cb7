from gateway import registry
from tests.fakes import fuzz


def test_ten_thousand_hurt_messages_become_events_and_nothing_is_raised():
    counts = fuzz.run(10_000, seed=1)
    assert set(counts) == set(registry.kinds("bridges"))
    for kind, outcomes in counts.items():
        assert outcomes["uplink"] > 0, kind
        assert outcomes["reject"] > 0, kind
