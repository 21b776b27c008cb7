"""``edge-gateway audit show``: the audit chain, readable."""

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.moments import moment
from gateway.cli.options import of_database
from gateway.cli.tables import database
from gateway.core.audit import Entry, Kind, line
from gateway.core.times import rfc3339
from gateway.store.reader import Reader

_LONGEST: Final = 60
_PLAIN: Final[dict[str, tuple[str, ...]]] = {
    Kind.DECISION: ("event", "mode", "action", "refused", "votes", "policy"),
    Kind.COMMAND: ("action", "state", "reason", "evidence", "set", "device"),
}
"""What is shown of the two kinds that hold much more; of the others everything."""


@click.command("show")
@click.option("--asset", default="", help="Only of this asset.")
@click.option("--decision", default="", help="Only this decision, and what followed from it.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in Kind]),
    help="Only this kind.",
)
@click.option("--since", default="", help="30s, 15m, 2h, 7d, or RFC 3339.")
@of_database
@click.option("--json", "as_json", is_flag=True, help="Print whole records, one a line.")
def command(
    asset: str,
    decision: str,
    kinds: tuple[str, ...],
    since: str,
    config: Path | None,
    db: Path | None,
    as_json: bool,
) -> None:
    """Print records, oldest first."""
    from_ms = moment(since, time.time_ns() // 1_000_000, "--since") if since else 0
    with Reader.open(database(config, db)) as reader:
        for entry in reader.audit.entries():
            if entry.at_ms < from_ms or (kinds and entry.kind not in kinds):
                continue
            body = json.loads(entry.body)
            if _about(entry, body, asset, decision):
                print(line(entry) if as_json else told(entry, body))


def _about(entry: Entry, body: dict[str, Any], asset: str, decision: str) -> bool:
    if asset and asset not in (body.get("asset"), entry.subject):
        return False
    return not decision or decision in (
        *(entry.subject, body.get("decision_id"), body.get("decision"), body.get("alert")),
    )


def told(entry: Entry, body: dict[str, Any]) -> str:
    """One record in one line."""
    names = _PLAIN.get(entry.kind) or tuple(body)
    asset = str(body.get("asset") or "")
    words = [f"{name}={_short(body[name])}" for name in names if body.get(name) not in ("", None)]
    if entry.kind == Kind.DECISION and isinstance(verdict := body.get("verdict"), dict):
        words += [f"{name}={_short(verdict.get(name))}" for name in ("label", "score", "rung")]
    clock = "" if entry.clock else "  (clock not sure)"
    subject = " ".join(dict.fromkeys(one for one in (asset, entry.subject) if one))
    shown = " ".join(word for word in words if not word.startswith("asset="))
    return f"{rfc3339(entry.at_ms)}  {entry.seq:>6}  {entry.kind:13}  {subject}  {shown}{clock}"


def _short(value: object) -> str:
    plain = isinstance(value, str | int | float)
    text = str(value) if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
