"""``edge-gateway commands``: every command and option (docs/commands.md), from the code."""

from collections.abc import Iterator
from textwrap import fill
from typing import Final

import click

INTRODUCTION: Final = """\
# Commands

Every command with what it takes. `edge-gateway COMMAND --help` says the same in a terminal; what
exit codes mean: [exit codes](exit-codes.md). Before a command: `--traceback` shows where an
unexpected error happened, `--version` prints the version. Where a command takes `--config`, it
means the gateway's file; if nothing is said, the one that the environment variable
`EDGE_GATEWAY_CONFIG` names, else `/etc/edge-gateway/gateway.yaml`
([which file](config-files.md#which-file)). This page is written by `edge-gateway commands`; a test
fails when it is stale.
"""
WIDTH: Final = 160


@click.command("commands")
def command() -> None:
    """Print the reference of every command, as Markdown (docs/commands.md)."""
    click.echo(reference(), nl=False)


def reference() -> str:
    """The whole page."""
    from gateway.cli.main import cli

    return "\n".join([INTRODUCTION, *_index(cli), *_all(cli)]).rstrip() + "\n"


def _members(group: click.Group, title: str) -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            one = group.get_command(context, name)
            assert one is not None  # noqa: S101 - it is in its own list
            if not one.hidden:
                yield f"{title} {name}", one


def _index(cli: click.Group) -> Iterator[str]:
    yield "| command | does |\n|---|---|"
    for title, one in _members(cli, "edge-gateway"):
        anchor = title.replace(" ", "-")
        yield f"| [`{title.partition(' ')[2]}`](#{anchor}) | {_first(one)} |"
    yield ""


def _first(one: click.Command) -> str:
    """The first sentence of its help."""
    said = " ".join((one.help or "").split("\n\n")[0].split())
    return _cell(said)


def _all(group: click.Group, title: str = "edge-gateway", level: int = 2) -> Iterator[str]:
    for name, one in _members(group, title):
        yield f"{'#' * level} {name}\n"
        yield f"    {_usage(name, one)}\n"
        yield _help(one)
        yield from _options(one)
        if isinstance(one, click.Group):
            yield from _all(one, name, level + 1)


def _usage(name: str, one: click.Command) -> str:
    with click.Context(one, info_name=name) as context:
        return " ".join([name, *one.collect_usage_pieces(context)])


def _help(one: click.Command) -> str:
    """Its help, a paragraph each; what click is told to leave as it is is a block."""
    told = []
    for part in (one.help or "").split("\n\n"):
        if part.startswith("\b"):
            told.append("\n".join(f"    {line}" for line in part.splitlines()[1:]))
        else:
            told.append(fill(_escaped(" ".join(part.split())), WIDTH, break_on_hyphens=False))
    return "\n\n".join(told) + "\n"


def _options(one: click.Command) -> Iterator[str]:
    options = [
        entry for entry in one.params if isinstance(entry, click.Option) and not entry.hidden
    ]
    if not options:
        return
    yield "| option | meaning | default |\n|---|---|---|"
    with click.Context(one) as context:
        for entry in options:
            yield f"| {_written(entry, context)} | {_cell(entry.help or '')} | {_default(entry)} |"
    yield ""


def _written(entry: click.Option, context: click.Context) -> str:
    names = ", ".join((*entry.opts, *entry.secondary_opts))
    value = "" if entry.is_flag or entry.count else f" {entry.make_metavar(context)}"
    more = ", may be repeated" if entry.multiple else ""
    return f"`{_cell(names + value)}`{more}"


def _default(entry: click.Option) -> str:
    """What is written down; what is found out on each machine (the login name) is not."""
    if isinstance(entry.show_default, str):
        return f"`{entry.show_default}`"
    if entry.required:
        return "required"
    plain = isinstance(entry.default, str | int | float) and not isinstance(entry.default, bool)
    return f"`{entry.default}`" if plain and entry.default != "" else ""


def _cell(text: str) -> str:
    return " ".join(_escaped(text).split()).replace("|", "\\|")


def _escaped(text: str) -> str:
    return text.replace("``", "`").replace("<", "&lt;")
