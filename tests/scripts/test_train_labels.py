"""From what a person said of a decision to the label of a row that a model is trained on."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.feedback import command
from gateway.core.audit import Kind, Record
from gateway.store.batch import Batch, StoredReport
from scripts.train import history
from tests.store.samples import NOW_MS, decision, metric, open_store, report, settings

ALARM = {"asset": "pump-7", "verdict": "right", "label": "alarm", "author": "Ann", "why": "noisy"}


def said(decision_id: str, start: int, end: int, **more: str) -> Record:
    period = {"since_ms": NOW_MS + start, "until_ms": NOW_MS + end}
    return Record(Kind.FEEDBACK, decision_id, {**ALARM, **period, **more})


def test_what_was_said_marks_the_rows_of_its_period_and_the_last_word_holds(
    tmp_path: Path,
) -> None:
    store = open_store(settings(tmp_path))
    for n in range(0, 8_000, 1_000):
        made = report(n, [float(n)], metrics=(metric("power"),))
        store.commit(Batch(reports=[StoredReport(made)]))
    store.commit(Batch(records=[said("a", 1_000, 3_000), said("b", 5_000, 6_000)]))
    store.commit(Batch(records=[said("b", 5_000, 6_000, verdict="wrong", label="normal")]))
    store.close()
    out = tmp_path / "labels.csv"
    done = CliRunner().invoke(command, ["--export", str(out), "--db", str(tmp_path / "gateway.db")])
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines()[1] == (
        "pump-7,2026-09-21T14:13:21.000Z,2026-09-21T14:13:23.000Z,alarm,a,right,noisy,Ann"
    )
    labels = history.read_labels(out)
    place = (tmp_path / "gateway.db", ["pump-7"], {"power": "W"}, 1.0)
    (one,) = history.from_store(*place, labels)
    assert one.faulty.tolist() == [False, True, True, True, False, False, False, False]
    (plain,) = history.from_store(*place)
    assert not plain.faulty.any()


def test_a_label_moves_with_a_clock_that_was_repaired(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    made = decision(1)
    store.commit(Batch(verdicts=[made.verdict], decisions=[made], clock_ok=False))
    store.commit(Batch(records=[said(made.id, 1 - 3_000, 1)], clock_ok=False))
    store.repair_clock("boot-1", 86_400_000)
    store.close()
    done = CliRunner().invoke(command, ["--export", "-", "--db", str(tmp_path / "gateway.db")])
    assert "pump-7,2026-09-22T14:13:17.001Z,2026-09-22T14:13:20.001Z,alarm" in done.output


@pytest.mark.parametrize(
    "line", ["pump,2026-01-01T00:00:00Z,,alarm", "pump,2,1,alarm", "pump,1,2,"]
)
def test_a_list_of_labels_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"asset,start,end,label\n{line}\n")
    with pytest.raises(ValueError, match="line 2"):
        history.read_labels(file)
