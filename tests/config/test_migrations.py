"""Older files: what they say otherwise is found, named, and put right without touching the rest."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.config import BadFileError, document, load, migrations
from gateway.config.migrations import ANY, MIGRATIONS, Migration

OLD = """gateway: {id: here}   # mine
brokers:
  local: {host: localhost}
log:
  level: warning
  format: "console"   # for the eye
# the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(OLD)
    file.chmod(0o640)
    return file


def migrate(file: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["config", "migrate", *words, str(file)])
    return done.exit_code, done.output


def test_check_names_the_migration_where_the_old_word_stands(file: Path) -> None:
    with pytest.raises(BadFileError) as refusal:
        load(file)
    (problem,) = refusal.value.problems
    assert (problem.line, problem.hint) == (6, "is 'text' now: run 'edge-gateway config migrate'")


def test_a_diff_is_shown_and_nothing_written(file: Path) -> None:
    code, said = migrate(file)
    assert code == 1
    assert '-  format: "console"   # for the eye' in said
    assert '+  format: "text"   # for the eye' in said
    assert "log-format-text" in said
    assert file.read_text() == OLD
    assert sorted(file.parent.iterdir()) == [file]


def test_written_it_is_right_keeps_every_other_character_and_a_copy(file: Path) -> None:
    assert migrate(file, "--write")[0] == 0
    assert file.read_text() == OLD.replace("console", "text")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.with_name("gateway.yaml.bak").read_text() == OLD
    assert load(file).log.format == "text"
    assert migrate(file, "--write") == (0, f"{file}: nothing to migrate\n")
    file.write_text(OLD)
    migrate(file, "--write")
    assert file.with_name("gateway.yaml.bak1").read_text() == OLD  # no copy is written over


def test_an_included_file_is_migrated_where_it_is(file: Path) -> None:
    file.write_text(OLD.partition("log:")[0] + "log: !include log.yaml\n")
    other = file.with_name("log.yaml")
    other.write_text("# how\r\nformat: console\r\n", newline="")
    assert migrate(file, "--write")[0] == 0
    assert other.read_bytes() == b"# how\r\nformat: text\r\n"
    assert not file.with_name("gateway.yaml.bak").exists()


def test_what_the_environment_says_is_not_the_files_to_change(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORMAT", "console")
    file.write_text(OLD.replace('"console"', "!env FORMAT"))
    assert migrate(file)[0] == 0


KNOWN = (
    Migration("of-keys", ("assets", ANY, "limit"), "limits"),
    Migration("of-sections", ("storage",), "store"),
)
RENAMED = """storage: {path: x.db}
assets:
  pump: {limit: 3, 'name': limit}
  fan:
    "limit": 4  # limit
"""


def test_keys_are_renamed_at_their_places_and_nowhere_else() -> None:
    doc = document.parse(RENAMED.encode(), Path("g.yaml"))
    names, found = migrations.migrated(doc, KNOWN)
    assert names == ["of-keys", "of-sections"]
    wanted = RENAMED.replace("storage", "store").replace("limit: 3", "limits: 3")
    wanted = wanted.replace('"limit": 4', '"limits": 4')
    assert migrations.applied(RENAMED, found[Path("g.yaml")]) == wanted
    hint = migrations.hint(("assets", "pump", "limit"), known=KNOWN)
    assert hint == "moved to assets.*.limits: run 'edge-gateway config migrate'"


def test_migrations_have_names_of_their_own_and_begin_with_a_section() -> None:
    assert len({one.name for one in MIGRATIONS}) == len(MIGRATIONS)
    assert all(one.at and one.at[0] != ANY for one in MIGRATIONS)
