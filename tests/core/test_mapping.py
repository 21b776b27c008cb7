import pytest

from gateway.core.mapping import MAX_FOUND, MAX_LEAVES, Mapper
from gateway.core.messages import Message, Origin, Reason, Uplink
from gateway.core.paths import Path
from gateway.core.readings import Metric, MetricKind

NOW_MS = 1_790_000_000_000


def metric(path, **fields):
    return Metric(path, "zigbee", "pump", Path.parse(path), asset="pump-7", **fields)


def message(*, retain=False, dup=False):
    return Message("local", "t", b"", 1, retain, dup, NOW_MS, 5)


def reasons(mapper, uplink, **flags):
    report = mapper.report(uplink, message(**flags))
    return {one.metric.name: one.reason for one in report.readings} if report else {}


def cached(values, *, advanced=False):
    return Uplink(
        "pump",
        values,
        None,
        Origin.NONE,
        cached=True,
        fresh=frozenset({"action"}),
        seen_advanced=advanced,
    )


def test_a_report_has_the_readings_and_the_three_clocks():
    mapper = Mapper(
        "zigbee", [metric("power", low=0.0, high=4000.0), metric("a.b"), metric("gone")]
    )
    uplink = Uplink("pump", {"power": 5000, "a": {"b": "7"}}, NOW_MS - 10, Origin.SAMPLE, "key-1")
    report = mapper.report(uplink, message())
    assert [(one.metric.name, one.value, one.reason) for one in report.readings] == [
        ("power", 5000.0, Reason.RANGE),
        ("a.b", 7.0, Reason.OK),
    ]
    assert report[0:2] + report[3:] == (
        "zigbee",
        "pump",
        NOW_MS - 10,
        NOW_MS,
        5,
        NOW_MS - 10,
        Origin.SAMPLE,
        "key-1",
        {},
    )


def test_what_nobody_mapped_is_no_report():
    mapper = Mapper("zigbee", [metric("power")])
    assert mapper.report(Uplink("fan", {"power": 1}), message()) is None
    assert mapper.report(Uplink("pump", {"voltage": 1}), message()) is None
    assert mapper.report(Uplink("pump", {"power": None}), message()) is None
    assert mapper.report(Uplink("pump", [1, 2]), message()) is None


def test_two_metrics_may_read_one_key():
    mapper = Mapper("zigbee", [metric("power"), metric("power", scale=0.001)])
    report = mapper.report(Uplink("pump", {"power": 500}), message())
    assert [one.value for one in report.readings] == [500.0, 0.5]


@pytest.mark.parametrize(
    ("uplink", "flags", "reason"),
    [
        ({}, {}, Reason.OK),
        ({}, {"dup": True}, Reason.OK),
        ({}, {"retain": True}, Reason.RETAINED),
        ({"reason": Reason.SIMULATED}, {"retain": True}, Reason.SIMULATED),
        ({"reason": Reason.HISTORICAL}, {"retain": True}, Reason.RETAINED),
        ({"reason": Reason.HISTORICAL}, {}, Reason.HISTORICAL),
        ({"reason": Reason.UNTRUSTED_RADIO}, {}, Reason.UNTRUSTED_RADIO),
        ({"measured_at_ms": NOW_MS - 600_000, "origin": Origin.SERVER}, {}, Reason.LATE),
        ({"measured_at_ms": NOW_MS + 600_000, "origin": Origin.SERVER}, {}, Reason.CLOCK),
        ({"measured_at_ms": 5, "origin": Origin.LAST_SEEN}, {}, Reason.OK),
    ],
)
def test_the_first_reason_that_applies(uplink, flags, reason):
    mapper = Mapper("zigbee", [metric("power")])
    assert reasons(mapper, Uplink("pump", {"power": 1}, **uplink), **flags) == {"power": reason}


def test_a_bad_value_stays_bad_whatever_holds_for_the_uplink():
    mapper = Mapper("zigbee", [metric("power", high=1.0)])
    assert reasons(mapper, Uplink("pump", {"power": 2}), retain=True) == {"power": Reason.RANGE}


def test_nothing_is_late_while_our_clock_is_not_set():
    mapper = Mapper("zigbee", [metric("power")])
    uplink = Uplink("pump", {"power": 1}, 5, Origin.SERVER)
    report = mapper.report(uplink, message(), clock_ok=False)
    assert (report.at_ms, report.readings[0].reason) == (NOW_MS, Reason.OK)


def test_what_a_bridge_may_only_remember_is_no_fresh_evidence():
    mapper = Mapper("zigbee", [metric("power"), metric("state", kind=MetricKind.STATE)])
    seen = [
        reasons(mapper, cached({"power": power, "state": "ON"}, advanced=True))
        for power in (1, 1, 2, 2)
    ]
    assert [one["power"] for one in seen] == [
        Reason.CACHED,
        Reason.CACHED,
        Reason.OK,
        Reason.CACHED,
    ]
    assert {one["state"] for one in seen} == {Reason.CACHED}


def test_a_never_cached_key_is_always_fresh():
    mapper = Mapper("zigbee", [metric("action", kind=MetricKind.EVENT), metric("power")])
    seen = [reasons(mapper, cached({"action": "single", "power": 1})) for _ in range(2)]
    assert [one["action"] for one in seen] == [Reason.OK, Reason.OK]


@pytest.mark.parametrize(("advanced", "reason"), [(True, Reason.OK), (False, Reason.CACHED)])
def test_the_only_mapped_metric_is_fresh_when_the_device_was_heard(advanced, reason):
    mapper = Mapper("zigbee", [metric("power"), metric("link.lqi")])
    uplink = cached({"power": 1, "voltage": 230}, advanced=advanced)
    reasons(mapper, uplink)
    assert reasons(mapper, uplink) == {"power": reason}


def test_retained_state_is_what_later_values_are_held_against():
    mapper = Mapper("zigbee", [metric("power"), metric("voltage")])
    first = reasons(mapper, cached({"power": 1, "voltage": 230}), retain=True)
    then = reasons(mapper, cached({"power": 2, "voltage": 230}))
    assert set(first.values()) == {Reason.RETAINED}
    assert then == {"power": Reason.OK, "voltage": Reason.CACHED}


def test_link_metrics_are_found_beside_the_values_and_are_never_cached():
    mapper = Mapper("zigbee", [metric("link.rssi"), metric("link.snr"), metric("power")])
    uplink = Uplink("pump", {"power": 1}, cached=True, link={"rssi": -70.0})
    mapper.report(uplink, message())
    report = mapper.report(uplink, message())
    assert {one.metric.name: (one.value, one.reason) for one in report.readings} == {
        "power": (1.0, Reason.CACHED),
        "link.rssi": (-70.0, Reason.OK),
    }


def test_a_document_may_have_a_link_of_its_own():
    report = Mapper("zigbee", [metric("link.speed")]).report(
        Uplink("pump", {"link": {"speed": 100}}), message()
    )
    assert report.readings[0].value == 100.0


def test_discovery_names_every_leaf_by_its_path():
    mapper = Mapper("zigbee", [metric("power")], discover=True)
    tree = {
        "power": 1,
        "temperature_C": 20.5,
        "odd.key": True,
        "deep": [{"x": "open"}, None, "55.3", "0101", "unavailable", "x" * 300],
    }
    for _ in range(2):
        report = mapper.report(Uplink("pump", tree, link={"lqi": 90.0}), message())
        found = {one.metric.name: one for one in report.readings}
        assert {name: one.value for name, one in found.items()} == {
            "power": 1.0,
            "link.lqi": 90.0,
            "temperature_C": 20.5,
            '"odd.key"': True,
            "deep[0].x": "open",
            "deep[2]": 55.3,
            "deep[3]": "0101",
        }
    assert found["temperature_C"].metric.unit == "degC"
    assert found["power"].metric.asset == "pump-7"
    assert found["deep[2]"].metric.key == "zigbee/pump/deep[2]"
    assert mapper.ignored == 0


def test_a_discovered_metric_is_the_same_object_every_time():
    mapper = Mapper("zigbee", [], discover=True)
    one, two = (mapper.report(Uplink("fan", {"a": n}), message()).readings[0] for n in (1, 2))
    assert one.metric is two.metric


def test_discovery_is_bounded_per_uplink_and_per_source():
    mapper = Mapper("zigbee", [], discover=True)
    many = {f"k{at}": at for at in range(MAX_LEAVES + 1)}
    for device in range(MAX_FOUND // MAX_LEAVES + 2):
        report = mapper.report(Uplink(f"d{device}", many), message())
        assert report is None or len(report.readings) <= MAX_LEAVES
    assert report is None
    assert mapper.ignored > 0


def test_discovery_passes_by_what_is_about_the_message():
    mapper = Mapper("lora", (), discover=True)
    values = {"fCnt": 7, "object": {"temperature": 20.5}}
    uplink = Uplink("d", values, aside=frozenset({"fCnt"}))
    report = mapper.report(uplink, message())
    assert [reading.metric.name for reading in report.readings] == ["object.temperature"]
