"""``edge-gateway completion``: the script that lets a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    bash: edge-gateway completion bash > /etc/bash_completion.d/edge-gateway; zsh: into a file
    _edge-gateway on the fpath; fish: into ~/.config/fish/completions/edge-gateway.fish.
    """
    from gateway.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has all three
    made = found(cli, {}, "edge-gateway", "_EDGE_GATEWAY_COMPLETE")
    click.echo(made.source_template % made.source_vars())
