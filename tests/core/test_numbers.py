"""What is read all at once is what is read one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import mapping
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Reason, Uplink
from gateway.core.numbers import Numbers
from gateway.core.paths import Path
from gateway.core.readings import Metric, MetricKind, Report

NAMES = ("a", "b", "c", "d")
SCALARS = (
    st.integers(-(10**20), 10**20)
    | st.integers(10**308, 10**310)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.sampled_from(["", "5", "5,5", "ON", "n/a", "unknown"])
    | st.just([1, 2])
)
DOCUMENTS = st.lists(
    st.dictionaries(st.sampled_from(NAMES), SCALARS | st.integers(0, 3)), min_size=1, max_size=6
)
REASONS = st.sampled_from([Reason.OK, Reason.SIMULATED, Reason.UNTRUSTED_RADIO])


@st.composite
def metrics(draw: st.DrawFn) -> list[Metric]:
    kinds = st.sampled_from([MetricKind.GAUGE, MetricKind.COUNTER, MetricKind.STATE])
    return [
        Metric(
            *(name, "s", "d", Path.parse(name), "pump"),
            kind=draw(kinds),
            scale=draw(st.sampled_from([1.0, 0.1, -2.0, 1e300])),
            offset=draw(st.sampled_from([0.0, 5.0])),
            low=draw(st.sampled_from([None, None, 0.0])),
            high=draw(st.sampled_from([None, None, 2.0])),
            missing_if=draw(st.sampled_from([frozenset[float](), frozenset({2.0})])),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    ]


def told(mapper: Mapper, tree: dict[str, object], cached: bool, reason: Reason) -> Report | None:
    message = Message("b", "t", b"", 1, False, False, 1_000, 1_000)
    uplink = Uplink("d", tree, cached=cached, reason=reason, fresh=frozenset({"c"}))
    return mapper.report(uplink, message)


@given(metrics(), DOCUMENTS, st.booleans(), REASONS)
def test_numbers_read_at_once_are_those_read_one_by_one(
    declared: list[Metric],
    documents: list[dict[str, object]],
    cached: bool,
    reason: Reason,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        at_once = Mapper("s", declared)
        patch.setattr(Numbers, "take", staticmethod(lambda _metric: False))
        one_by_one = Mapper("s", declared)
    for tree in documents:
        found = told(at_once, tree, cached, reason)
        expected = told(one_by_one, tree, cached, reason)
        assert _readings(found) == _readings(expected)


def _readings(report: Report | None) -> dict[str, tuple[object, Reason]]:
    """By metric: numbers come before the others."""
    return {one.metric.name: (one.value, one.reason) for one in report.readings} if report else {}


def test_the_way_for_numbers_is_taken() -> None:
    declared = [Metric(name, "s", "d", Path.parse(name), "pump") for name in NAMES]
    device = mapping._Device(declared)
    sight = device.look(Uplink("d", {"a": 1, "b": 2.5, "c": 3, "d": 4}))
    assert sight.values == (1.0, 2.5, 3.0, 4.0)
    assert not sight.found
