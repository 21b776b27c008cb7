"""The commands of the audit chain: verify with its exit codes, show with its filters, export."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.adapters import signing
from gateway.cli.audit import command
from gateway.cli.audit_show import told
from gateway.core import checkpoints
from gateway.core.audit import Entry, Kind, Record, canonical
from gateway.core.commands import State
from gateway.store.batch import Batch
from tests.store.samples import NOW_MS, decision, open_store, order, settings


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a database of three decisions on two assets, and a signed chain."""
    key, _ = signing.own(tmp_path / signing.NAME)
    store = open_store(settings(tmp_path))
    for n in range(3):
        made = replace(decision(n), asset="pump-8") if n == 2 else decision(n)
        told = replace(order(n), asset=made.asset, state=State.SENT)
        store.commit(Batch(decisions=[made], commands=[told], at_ms=NOW_MS + n * 60_000))
    said = Record(Kind.FEEDBACK, "d000001", {"asset": "pump-7", "verdict": "right"})
    done = store.commit(Batch(records=[said], at_ms=NOW_MS + 600_000))
    drafted = checkpoints.draft(done.head, done.epoch, "here", key.public, NOW_MS)
    made_ = checkpoints.signed(drafted, key.sign(canonical(drafted).encode()))
    store.commit(Batch(checkpoints=[made_]))
    store.close()
    return tmp_path


def audit(place: Path, *arguments: str, stdin: str | None = None) -> Result:
    more = [] if "x.jsonl" in " ".join(arguments) else ["--db", str(place / "gateway.db")]
    return CliRunner().invoke(command, [*arguments, *more], input=stdin)


def test_a_whole_chain_is_0_and_a_broken_one_is_1_with_the_place(place: Path) -> None:
    done = audit(place, "verify")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "whole")
    assert "8 records, 1 to 8" in done.output
    connection = sqlite3.connect(place / "gateway.db")
    connection.execute("DROP TRIGGER audit_unchanged")
    connection.execute("UPDATE audit SET body = replace(body, 'stop', 'wait') WHERE seq = 4")
    connection.commit()
    connection.close()
    done = audit(place, "verify")
    assert (done.exit_code, "BROKEN at record 4: changed" in done.output) == (1, True)
    told = json.loads(audit(place, "verify", "--json").output)
    assert (told["whole"], told["breaks"][0]["seq"]) == (False, 4)


def test_show_takes_filters_and_prints_whole_records_as_json(place: Path) -> None:
    def lines(*arguments: str) -> list[str]:
        done = audit(place, "show", *arguments)
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    assert len(lines()) == 8
    assert len(lines("--asset", "pump-8")) == 2
    assert len(lines("--kind", "command", "--kind", "feedback")) == 4
    assert [line.split()[2] for line in lines("--decision", "d000001")] == [
        "decision",
        "command",
        "feedback",
    ]
    assert len(lines("--since", "2026-09-21T14:14:20Z")) == 5
    assert "state=sent" in lines("--kind", "command")[0]
    (whole,) = lines("--kind", "genesis", "--json")
    assert json.loads(whole)["seq"] == 1


def test_an_export_is_verified_without_the_database_and_by_its_key(place: Path) -> None:
    file, key = place / "x.jsonl", str(place / "audit.pub")
    assert (
        audit(place, "export", "--out", str(file), "--db", str(place / "gateway.db")).exit_code == 0
    )
    lines = file.read_text().splitlines()
    assert len(lines) == 9  # with the checkpoint
    done = audit(place, "verify", str(file), "--key", key)
    assert (done.exit_code, "1 checkpoint agrees" in done.output) == (0, True), done.output
    assert audit(place, "export").output == file.read_text()

    def broken(*changed: str) -> str:
        file.write_text("\n".join(changed))
        done = audit(place, "verify", str(file), "--key", key)
        assert done.exit_code == 1, done.output
        return next(line for line in done.output.splitlines() if line.startswith("BROKEN"))

    assert "record 3: missing" in broken(*lines[:2], *lines[3:])
    assert "record 3: changed" in broken(*lines[:2], lines[2].replace("sent", "held"), *lines[3:])
    assert "record 3: changed: line 3" in broken(*lines[:2], "nonsense", *lines[2:])
    assert "record 3: reordered" in broken(*lines[:2], lines[3], lines[2], *lines[4:])
    assert "record 7: truncated" in broken(*lines[:6], lines[8])
    assert "checkpoint refused" in broken(*lines[:8], lines[8].replace("here", "there"))
    file.write_text("\n".join(lines[3:]))
    assert audit(place, "verify", str(file), "--key", key).exit_code == 0  # from there on whole


def test_a_kept_checkpoint_comes_from_a_file_the_command_line_or_a_pipe(place: Path) -> None:
    kept = audit(place, "export").output.splitlines()[-1]
    (place / "kept.json").write_text(kept)
    for given in (kept, str(place / "kept.json"), "-"):
        done = audit(place, "verify", "--checkpoint", given, stdin=kept)
        assert done.exit_code == 0, done.output
    done = audit(place, "verify", "--checkpoint", kept.replace('"seq":8', '"seq":9'))
    assert (done.exit_code, "checkpoint refused" in done.output) == (1, True)
    file = place / "x.jsonl"
    audit(place, "export", "--out", str(file), "--db", str(place / "gateway.db"))
    file.write_text("\n".join(file.read_text().splitlines()[:7]))
    done = audit(place, "verify", str(file), "--checkpoint", kept)
    assert (done.exit_code, "record 8: truncated" in done.output) == (1, True)


def test_a_chain_that_somebody_signed_with_a_key_of_his_own_is_told(place: Path) -> None:
    (place / "audit.key").rename(place / "old.key")
    (place / "audit.pub").unlink()
    signing.SigningKey.make(place / "audit.key")
    done = audit(place, "verify")
    assert done.exit_code == 1
    assert "by another key" in done.output


def test_what_cannot_be_used_is_said_with_2(place: Path) -> None:
    assert audit(place, "verify", "--key", str(place / "no.pub")).exit_code == 2
    assert audit(place, "verify", "--checkpoint", str(place / "no.json")).exit_code == 2


def test_what_is_about_the_whole_gateway_is_shown_as_that() -> None:
    body = {"asset": None, "change": "began", "kind": "stop"}
    entry = Entry(7, NOW_MS, 1, 1, 1, Kind.INTERVENTION, "gateway", json.dumps(body), b"")
    assert told(entry, body).split()[1:] == [
        *("7", "intervention", "gateway", "change=began", "kind=stop")
    ]
