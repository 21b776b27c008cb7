"""``cloud.sync``: each sink's own settings are part of the file, and so are its mistakes."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import BadFileError, load
from gateway.config.check_sync import described, missing
from gateway.config.loader import load_document
from gateway.config.machine import problems
from gateway.core.choices import Kind
from gateway.daemon.sync_spec import spec_of
from gateway.sync.spec import Spec
from tests.config.samples import GOOD, written

HQ = "    hq: {sink: http, url: 'https://a.example', token_file: hq.token, send: [decisions]"


def file(folder: Path, *lines: str) -> Path:
    return written(folder, GOOD + "\n".join(["cloud:", "  sync:", *lines, ""]))


def wrong(folder: Path, *lines: str) -> list[str]:
    with pytest.raises(BadFileError) as caught:
        load(file(folder, *lines))
    first = len(GOOD.splitlines()) + 2
    return [
        f"{one.line - first}:{one.column}: {one.message}; {one.hint}"
        for one in caught.value.problems
    ]


def test_a_cloud_is_taken_with_everything_it_may_say(tmp_path: Path) -> None:
    more = "assets: pump-7, metrics: [power], budget: 20MB/day, rate: 100kB/s, every: 1s"
    hours = "hours: 'Mo-Fr 22:00-06:00 Europe/Berlin', backfill: newest, pseudonyms: true"
    sent = HQ.replace("[decisions]", "[decisions, readings/1m]")
    sink = load(file(tmp_path, f"{sent}, {more}, {hours}}}")).sync["hq"]
    assert sink.settings.token_file == str(tmp_path / "hq.token")
    assert sink.choice.kinds == {Kind.DECISIONS, Kind.MINUTES}
    assert sink.choice.takes_asset("pump-7")
    assert not sink.choice.takes_asset("pump-8")
    assert (sink.allowance.budget, sink.allowance.rate) == (20_000_000, 100_000)
    assert sink.allowance.hours is not None
    assert (sink.every_ms, sink.backfill, sink.choice.pseudonyms) == (1_000, "newest", True)
    assert described(sink)["lanes"] == ["events", "live", "backfill"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    hq: {sink: htp}", "1:16: 'sink': unknown sink 'htp'; did you mean 'http'?"),
        (HQ + ", tokn_file: x}", "unknown key 'tokn_file'; did you mean 'token_file'?"),
        (HQ.replace("decisions", "decision") + "}", "did you mean 'decisions'?"),
        (HQ + ", assets: pump-8}", "unknown asset 'pump-8'; did you mean 'pump-7'?"),
        (HQ.replace("decisions", "readings") + ", metrics: powr}", "unknown metric 'powr'"),
        (HQ + ", metrics: power}", "metrics choose among readings"),
        (HQ.replace("[decisions]", "[]") + "}", "at least 1"),
        (HQ.replace("[decisions]", "[readings, readings/1m]") + "}", "two entries"),
        (HQ + ", budget: 20MB}", "write it like 2MB/day"),
        (HQ + ", rate: 1MB/day}", "write it like 100kB/s"),
        (HQ + ", hours: always}", "hours need their time zone"),
        (HQ + ", backfill: never}", "should be one of"),
        (HQ + ", token: secret}", "secrets are never in this file"),
        ("    hq: {sink: http, send: alerts}", "'url' is missing"),
        ("    hq: {sink: http, send: alerts, url: 'ftp://x'}", "'hq': "),
        ("    hq: {send: alerts}", "'sink' is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    assert any(said in one for one in wrong(tmp_path, line)), wrong(tmp_path, line)


def test_a_token_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings, doc = load_document(file(tmp_path, HQ + "}"))
    found = [str(one) for one in problems(settings, doc)]
    assert any("hq.token" in one for one in found)
    (tmp_path / "hq.token").write_text("x")
    (tmp_path / "hq.token").chmod(0o600)
    assert [one for one in problems(settings, doc) if "hq" in str(one)] == []


def test_what_has_to_be_installed_is_named() -> None:
    assert missing("http") == []


def test_the_process_is_told_what_the_file_says(tmp_path: Path) -> None:
    hours = "hours: 'Mo-Fr 22:00-06:00 Europe/Berlin', rate: 1kB/s, pseudonyms: true"
    settings = load(file(tmp_path, f"{HQ}, {hours}}}"))
    spec = spec_of(settings)
    assert spec is not None
    (sink,) = Spec.read(spec.line()).sinks
    ours = settings.sync["hq"]
    assert sink.made() == ours.settings
    assert (sink.chosen(), sink.allowance()) == (ours.choice, ours.allowance)
    assert spec.ledger == f"{spec.database}.sync.db"


def test_every_sinks_settings_come_through_as_they_are(tmp_path: Path) -> None:
    root = Path(__file__).parents[2] / "config"
    for sample in root.glob("*.yaml"):
        if "cloud:" not in sample.read_text() or ".test." in sample.name:
            continue
        settings = load(sample)
        spec = spec_of(settings)
        told: Any = Spec.read(spec.line()).sinks if spec else ()
        assert [one.made() for one in told] == [one.settings for one in settings.sync.values()]


def test_without_the_section_there_is_nothing_to_run(tmp_path: Path) -> None:
    assert spec_of(load(written(tmp_path))) is None
