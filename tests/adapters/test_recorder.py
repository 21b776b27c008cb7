"""The flight recorder: what it keeps, for how long, at what price."""

import timeit
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import dumps
from gateway.adapters.recorder import HEARD, LINES, LONGEST, Recorder
from gateway.core.masking import Mask
from gateway.core.messages import Message

NOW_MS = 1_795_000_000_000


def message(topic: str, payload: bytes = b"{}") -> Message:
    return Message("local", topic, payload, 1, False, False, NOW_MS, 1)


@given(st.lists(st.text(max_size=2_000), max_size=60))
def test_it_never_takes_more_than_it_may(texts: list[str]) -> None:
    recorder = Recorder(8_192)
    for text in texts:
        recorder.note("debug", {"event": "thing_happened", "text": text})
    assert recorder.weight <= 8_192
    assert recorder.weight == sum(line.weight for line in recorder.lines())
    if texts:
        assert recorder.lines()[-1].keys["text"] == texts[-1][:LONGEST]


def test_many_small_lines_are_bounded_by_their_number() -> None:
    recorder = Recorder(1 << 30)
    for number in range(LINES + 10):
        recorder.note("info", {"event": "thing_happened", "number": number})
    assert [line.keys["number"] for line in recorder.lines()][:: LINES - 1] == [10, LINES + 9]


def test_a_line_is_as_it_was_when_it_was_logged() -> None:
    recorder = Recorder(65_536)
    changing = {"a": 1}
    recorder.note("info", {"event": "thing_happened", "told": changing, "many": list(range(100))})
    changing["a"] = 2
    (line,) = recorder.lines()
    assert line.keys == {"told": "{'a': 1}", "many": "list of 100"}


def test_an_exception_is_kept_as_text_so_that_nothing_hangs_on_it() -> None:
    recorder = Recorder(65_536)
    try:
        {}["gone"]
    except LookupError as error:
        recorder.note("error", {"event": "thing_failed", "exc_info": error})
        recorder.note("error", {"event": "thing_failed", "exc_info": True})
    for line in recorder.lines():
        assert "KeyError: 'gone'" in line.keys["exc_info"]


def test_of_messages_topics_are_kept_and_no_payloads(tmp_path: Path) -> None:
    recorder = Recorder(65_536)
    for number in range(HEARD + 5):
        recorder.heard([message(f"plant/{number}", b"private")])
    assert len(recorder.messages()) == HEARD
    file = dumps.write(recorder, tmp_path / "dumps", "asked", NOW_MS, {}, Mask())
    assert "plant/504" in file.read_text()
    assert "private" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_secrets_are_masked_in_a_dump(tmp_path: Path) -> None:
    recorder = Recorder(65_536)
    recorder.note("info", {"event": "thing_happened", "url": "mqtt://ann:pass1234@host/x"})
    recorder.note("info", {"event": "thing_happened", "said": 'it is "Secret#1"'})
    recorder.heard([message("plant/Secret%231")])
    file = dumps.write(recorder, tmp_path, "asked", NOW_MS, {}, Mask(["Secret#1"]))
    text = file.read_text()
    assert "pass1234" not in text
    assert "Secret" not in text


def test_few_dumps_are_kept_and_asking_does_not_push_out_a_crash(tmp_path: Path) -> None:
    recorder = Recorder(4_096)
    for number in range(8):
        dumps.write(recorder, tmp_path, "asked", NOW_MS + number, {}, Mask())
        dumps.write(recorder, tmp_path, "crashed", NOW_MS + number, {}, Mask())
    found = [dumps.why_of(one) for one in dumps.dumps(tmp_path)]
    assert found == ["asked", "crashed"] * dumps.KEPT
    assert len(list(tmp_path.iterdir())) == 2 * dumps.KEPT


def test_a_device_that_is_erased_is_in_no_dump_and_not_in_memory(tmp_path: Path) -> None:
    recorder = Recorder(65_536)
    recorder.note("info", {"event": "device_changed", "device": "anna's watch"})
    recorder.note("info", {"event": "device_changed", "device": "plug"})
    recorder.heard([message("zigbee2mqtt/anna's watch"), message("zigbee2mqtt/plug")])
    named = dumps.write(recorder, tmp_path, "asked", NOW_MS, {}, Mask())
    recorder.forget(lambda text: "anna's watch" in text)
    other = dumps.write(recorder, tmp_path, "asked", NOW_MS + 1, {}, Mask())
    dumps.forget(tmp_path, "anna's watch")
    assert not named.exists()
    assert "plug" in other.read_text()
    assert [line.keys["device"] for line in recorder.lines()] == ["plug"]
    assert [topic for _, topic, _ in recorder.messages()] == ["zigbee2mqtt/plug"]


def test_what_it_costs_is_a_fraction_of_what_a_line_costs() -> None:
    """As a ratio: a busy machine slows both down."""
    import io

    import structlog

    recorder = Recorder(512 * 1024)
    event = {"event": "verdict_changed", "asset": "pump-7", "label": "alarm", "score": 3.25}
    render = structlog.processors.JSONRenderer()
    out = io.StringIO()

    def line() -> None:
        out.write(str(render(None, "info", dict(event))))
        out.seek(0)

    kept = min(timeit.repeat(lambda: recorder.note("info", event), number=2_000, repeat=5))
    written = min(timeit.repeat(line, number=2_000, repeat=5))
    assert kept < 3 * written
