"""``edge-gateway resume``: end a stop."""

from pathlib import Path

import click

from gateway.cli.deciding import decide, of_person, tell


@click.command("resume")
@of_person
def command(reason: str, author: str, path: Path, *, as_json: bool) -> None:
    """Let the gateway act again after `edge-gateway stop`; what is due now is done."""
    answer = decide(path, "stop", {"on": False, "author": author, "reason": reason})
    tell(answer, "the gateway may act again", as_json=as_json)
