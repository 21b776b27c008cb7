"""Hours: what people write on a door, in their own time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.core.hours import Hours, parse


def hours(text):
    spans, zone = parse(text)
    return Hours(text, spans, ZoneInfo(zone))


def at(text, zone="UTC"):
    """UTC epoch ms of a local time; 2026-11-16 is a Monday."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(local.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "opened", "closed"),
    [
        ("Mo-Fr 06:00-22:00 UTC", ["2026-11-16T06:00", "2026-11-20T21:59:59.999"],
         ["2026-11-16T05:59", "2026-11-20T22:00", "2026-11-21T12:00"]),
        ("06:00-22:00 UTC", ["2026-11-22T21:59"], ["2026-11-22T22:00"]),
        ("Mo 22:00-06:00 UTC", ["2026-11-16T22:00", "2026-11-17T05:59"],
         ["2026-11-16T05:00", "2026-11-17T06:00", "2026-11-17T22:00"]),
        ("Su 20:00-04:00 UTC", ["2026-11-22T20:00", "2026-11-16T03:59"], ["2026-11-16T04:00"]),
        ("Sa-Mo 00:00-24:00 UTC", ["2026-11-21T00:00", "2026-11-16T23:59"], ["2026-11-17T00:00"]),
        ("Mo,We 08:00-09:00; Fr 10:00-11:00 UTC", ["2026-11-18T08:30", "2026-11-20T10:30"],
         ["2026-11-17T08:30", "2026-11-20T08:30"]),
    ],
)  # fmt: skip
def test_what_is_within_the_hours(text, opened, closed):
    assert [one for one in opened if not hours(text).open(at(one))] == []
    assert [one for one in closed if hours(text).open(at(one))] == []


def test_hours_follow_summer_time():
    berlin = hours("06:00-22:00 Europe/Berlin")
    for day in ("2026-07-01", "2026-12-01"):
        assert berlin.open(at(f"{day}T06:00", "Europe/Berlin"))
        assert not berlin.open(at(f"{day}T05:59", "Europe/Berlin"))
    assert datetime.fromtimestamp(at("2026-07-01T06:00", "Europe/Berlin") / 1000, UTC).hour == 4


@pytest.mark.parametrize("now_ms", [10**18, -(10**18), 2**63])
def test_a_time_beyond_all_dates_is_within_no_hours(now_ms):
    assert not hours("00:00-24:00 UTC").open(now_ms)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Mo-Fr 06:00-22:00", "time zone"),
        ("", "time zone"),
        ("UTC", "time zone"),
        ("Mo-Fr UTC", "not hours"),
        ("Mo-Fr 6-22 UTC", "not hours"),
        ("Mx 06:00-22:00 UTC", "'Mx' is no day"),
        ("Mo- 06:00-22:00 UTC", "'' is no day"),
        ("06:00-25:00 UTC", "there is no 25:00"),
        ("06:60-22:00 UTC", "there is no 06:60"),
        ("06:00-06:00 UTC", "no time lies within"),
        ("24:00-06:00 UTC", "no time lies within"),
        ("٠٦:00-22:00 UTC", "not hours"),
    ],
)
def test_what_are_no_hours_is_said(text, why):
    with pytest.raises(ValueError, match=why):
        parse(text)
