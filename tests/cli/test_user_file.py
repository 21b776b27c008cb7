"""Which file a command means: the one it is told, else the variable's, else the usual one."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.cli.user_file import CONFIG, VARIABLE

ARGUMENTS = {
    "feedback": ["some-decision", "right"],
    "forget": ["zigbee/probe", "--yes"],
    "log-level": ["debug"],
    "maintenance": ["pump", "--on"],
    "mode": ["pump", "advise"],
    "override": ["pump", "--release"],
    "query": ["SELECT 1"],
    "sync retry": ["--sink", "hq"],
}
"""Where a word alone will not do."""
OWN = {"decode"}
"""Its file is nobody's unless it is named (docs/config-files.md)."""


def leaves(group: click.Group, title: str = "") -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            one = group.get_command(context, name)
            assert one is not None
            if isinstance(one, click.Group):
                yield from leaves(one, f"{title}{name} ")
            if not isinstance(one, click.Group) or one.invoke_without_command:
                yield title + name, one


def of_a_file() -> list[tuple[str, click.Command]]:
    """Those that take the user's file."""
    return [
        (title, one)
        for title, one in leaves(cli)
        if any(entry.envvar == VARIABLE or "--config" in entry.opts for entry in one.params)
        and title not in OWN
    ]


def words(title: str, one: click.Command) -> list[str]:
    needed = [entry for entry in one.params if isinstance(entry, click.Argument) and entry.required]
    return [*title.split(), *ARGUMENTS.get(title, ["pump"] * len(needed))]


TAKING = of_a_file()
STOPPED = [(title, one) for title, one in TAKING if title != "support-bundle"]
"""A file that is not there ends them."""


def test_more_than_thirty_commands_take_a_file() -> None:
    assert len(TAKING) > 30
    assert {"run", "check", "status", "audit verify", "sync", "replay"} <= {t for t, _ in TAKING}


@pytest.mark.parametrize(("title", "one"), STOPPED, ids=[title for title, _ in STOPPED])
def test_the_variable_names_the_file_of_a_command_that_is_told_none(
    title: str, one: click.Command, tmp_path: Path
) -> None:
    named = tmp_path / "named.yaml"
    done = CliRunner().invoke(cli, words(title, one), env={VARIABLE: str(named)})
    told = f"{done.output}{done.exception}"
    assert f"{named}: cannot be read: No such file" in told, told
    assert VARIABLE in told


def test_the_support_bundle_is_of_the_variables_file(tmp_path: Path) -> None:
    named, packed = tmp_path / "named.yaml", tmp_path / "bundle.tar.gz"
    named.write_text("nonsensical: 1\n")
    CliRunner().invoke(cli, ["support-bundle", "--output", str(packed)], env={VARIABLE: str(named)})
    with tarfile.open(packed) as bundle:
        (name,) = (one for one in bundle.getnames() if one.endswith("check.json"))
        found = bundle.extractfile(name)
        assert found is not None
        assert b"nonsensical" in found.read()


def test_what_is_said_goes_before_the_variable(tmp_path: Path) -> None:
    env, said = {VARIABLE: str(tmp_path / "named.yaml")}, tmp_path / "said.yaml"
    for given in (["status", "--config", str(said)], ["check", str(said)]):
        done = CliRunner().invoke(cli, given, env=env)
        assert f"{said}: cannot be read" in str(done.exception)


@pytest.mark.parametrize("env", [{VARIABLE: None}, {VARIABLE: ""}])
def test_without_both_it_is_the_usual_one(env: dict[str, str | None]) -> None:
    params = {title: entry for title, one in TAKING for entry in one.params if entry.envvar}
    with CliRunner().isolation(env=env):
        for title, entry in params.items():
            with click.Context(click.Command(title)) as context:
                assert entry.get_default(context) == CONFIG
                assert entry.value_from_envvar(context) is None


def test_help_tells_of_it() -> None:
    done = CliRunner().invoke(cli, ["run", "--help"])
    assert VARIABLE in done.output
    assert str(CONFIG) in done.output
