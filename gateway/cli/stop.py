"""``edge-gateway stop``: no command leaves the gateway any more, until ``resume``."""

from pathlib import Path

import click

from gateway.cli.deciding import decide, of_person, tell


@click.command("stop")
@of_person
def command(reason: str, author: str, path: Path, *, as_json: bool) -> None:
    """Stop the gateway's acting: nobody commands anything until `edge-gateway resume`.

    The daemon goes on listening and judging. It holds over restarts and does not end by itself.
    """
    answer = decide(path, "stop", {"on": True, "author": author, "reason": reason})
    tell(answer, "stopped: no command is sent until edge-gateway resume", as_json=as_json)
