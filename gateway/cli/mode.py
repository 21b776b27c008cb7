"""``edge-gateway mode``: let policies do less or more than the file says, for a time."""

from pathlib import Path

import click

from gateway.cli.deciding import decide, of_asset, of_person, tell, timed
from gateway.core.verdicts import Mode
from gateway.core.wishes import FILE

WORDS = (*(mode.value for mode in Mode), FILE)


@click.command("mode")
@click.argument("asset")
@click.argument("mode", required=False)
@click.option("--all", "everything", is_flag=True, help="The whole gateway: at most this mode.")
@click.option("--policy", default="", help="Only this policy of ASSET: pump-7/policy/0.")
@timed
@of_person
def command(
    asset: str,
    mode: str | None,
    policy: str,
    span: str | None,
    until: str | None,
    reason: str,
    author: str,
    path: Path,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Set the MODE of ASSET's policies: shadow, advise, act; or file, as the file says.

    With --all only MODE is given: no policy of any asset does more than that.
    """
    word = asset if everything else mode
    if word is None or (everything and mode is not None):
        raise click.UsageError("say ASSET MODE, or --all MODE")
    if word not in WORDS:
        raise click.UsageError(f"the mode is one of {', '.join(WORDS)}, not {word!r}")
    topic = "mode" if everything else of_asset(asset, "mode")
    fields = {"mode": word, "policy": policy, "for": span, "until": until}
    answer = decide(path, topic, fields | {"author": author, "reason": reason})
    what = "all assets" if everything else policy or asset
    most = "at most " if everything else ""
    words = "as the file says" if word == FILE else most + word
    tell(answer, f"{what}: {words}", as_json=as_json)
