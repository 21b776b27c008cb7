"""``edge-gateway override``: hold an asset, release it, or have an action done."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.asking import Visit
from gateway.cli.deciding import decide, given, of_asset, of_person, tell

FOLLOW_S: Final = 120.0
"""How long the outcome of a forced action is waited for."""
_ENDED: Final = frozenset({"confirmed", "failed", "timeout", "expired", "refused"})


@click.command("override")
@click.argument("asset")
@click.option("--hold", metavar="DURATION", help="Nothing acts on it by itself for so long.")
@click.option("--release", is_flag=True, help="End a hold.")
@click.option("--force", metavar="ACTION", help="Have this action done now, within all limits.")
@click.option("--value", type=float, help="With --force: what the action is told.")
@click.option("--no-wait", is_flag=True, help="With --force: do not wait for the outcome.")
@of_person
def command(
    asset: str,
    hold: str | None,
    force: str | None,
    value: float | None,
    reason: str,
    author: str,
    path: Path,
    *,
    release: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Hold ASSET for a time, release it, or force one of its actions.

    Exits 1 when the gateway refuses, or when a forced action was not confirmed.
    """
    if sum((hold is not None, release, force is not None)) != 1:
        raise click.UsageError("say one of --hold, --release, --force")
    if value is not None and force is None:
        raise click.UsageError("--value goes with --force")
    topic = of_asset(asset, "override")
    who: dict[str, object] = {"author": author, "reason": reason}
    if force is not None:
        fields = given({"force": force, "value": value, **who})
        _force(path, asset, fields, wait=not no_wait, as_json=as_json)
        return
    fields = {"hold": not release, "for": hold, **who}
    answer = decide(path, topic, fields)
    tell(answer, f"{asset}: {'released' if release else 'held'}", as_json=as_json)


def _force(path: Path, asset: str, fields: dict[str, object], *, wait: bool, as_json: bool) -> None:
    """Force an action, and follow its command to the end."""
    topics = (f"asset/{asset}/command", "response/override")
    with Visit(path, *topics) as visit:
        answer: dict[str, Any] = visit.ask("override", fields, f"asset/{asset}/override/set")
        last: dict[str, Any] = {"state": answer["state"], "reason": "see its record"}
        if wait and answer["state"] not in _ENDED:
            last = _followed(visit, answer) or {"state": answer["state"], "reason": "still open"}
    if as_json:
        click.echo(json.dumps(answer | {"command": last if wait else None}, ensure_ascii=False))
    else:
        click.echo(f"{asset}: {fields['force']} forced, decision {answer['decision']}")
        if wait:
            why = last.get("evidence") or last.get("reason")
            click.echo(f"{last['state']}" + (f": {why}" if why else ""))
    if wait and last["state"] != "confirmed":
        sys.exit(1)


def _followed(visit: Visit, answer: dict[str, Any]) -> dict[str, Any] | None:
    """The last state of its command."""
    return visit.wait(
        lambda topic, one: (
            topic.endswith("/command")
            and one.get("decision") == answer["decision"]
            and one.get("state") in _ENDED
        ),
        FOLLOW_S,
    )
