"""``edge-gateway init``: a first configuration, from what a broker says."""

import json
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from gateway.adapters.mqtt import Broker, Tls
from gateway.cli import init_ask, init_proposal, init_sight, init_sources, init_yaml
from gateway.cli.init_listen import Heard, Tell, listen
from gateway.cli.init_metrics import slug
from gateway.cli.init_proposal import Place, Proposal
from gateway.cli.spans import SPAN
from gateway.config import modeline
from gateway.core.counts import counted
from gateway.errors import ConfigError, GatewayError, NotConnectedError
from gateway.store.settings import StoreSettings

FILE: Final = Path("gateway.yaml")
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


@click.command("init")
@click.option("--broker", "brokers", multiple=True, metavar="HOST[:PORT]", help="May be repeated.")
@click.option("--username", default="", help="For the brokers.")
@click.option("--password-file", default="", help="File with the password, one line.")
@click.option("--tls", is_flag=True, help="Connect with TLS, to port 8883 unless one is named.")
@click.option("--ca-file", default="", help="PEM file of the authority to trust, with --tls.")
@click.option("--listen-for", "for_ms", type=SPAN, default="60s", show_default=True)
@click.option("--output", "output", type=click.Path(path_type=Path), default=FILE,
              show_default=True, help="The file to write; - prints it.")  # fmt: skip
@click.option("--id", "gateway_id", default="", help="The gateway's id; default: this host's name.")
@click.option("--yes", is_flag=True, help="Take everything, ask nothing.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Say what was seen as one JSON object.")
def command(
    brokers: tuple[str, ...],
    username: str,
    password_file: str,
    tls: bool,
    ca_file: str,
    for_ms: int,
    output: Path,
    gateway_id: str,
    *,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Look at brokers for a while, and write a configuration for what speaks there.

    Only listens: nothing is published. At a terminal it asks what to take; --yes and pipes take
    everything. Ctrl-C ends the listening early. Exits 1 when nothing was heard.
    """
    asks = not yes and not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    printed = str(output) == "-"
    if printed and as_json:
        raise click.UsageError("--json and --output - both want the standard output")
    if not printed and output.exists() and not force:
        raise ConfigError(f"{output} is there: --force writes over it, --output names another")
    if not brokers:
        asked = click.prompt("Broker", default="localhost", err=True) if asks else "localhost"
        brokers = (asked,)
    tls_of = Tls(str(Path(ca_file).absolute()) if ca_file else "") if tls or ca_file else None
    secret = str(Path(password_file).absolute()) if password_file else ""
    made = [_broker(one, username, secret, tls_of) for one in dict.fromkeys(brokers)]
    places = _look(_named(made), for_ms / 1000)
    if not as_json:
        click.echo("\n".join(init_yaml.summary(places)), err=True)
    if not any(place.sights for place in places):
        raise GatewayError(_nothing(places))
    proposal = _propose(places, gateway_id or slug(socket.gethostname(), "-"), asks=asks)
    _say(proposal, output, as_json=as_json)


def _broker(said: str, username: str, password_file: str, tls: Tls | None) -> Broker:
    host, _, port = said.rpartition(":") if said.rpartition(":")[2].isdecimal() else (said, "", "")
    if not host or (port and not 0 < int(port) <= 65_535):  # noqa: PLR2004 - the highest port
        raise click.BadParameter(f"{said!r}: write HOST or HOST:PORT", param_hint="--broker")
    name = "local" if host in _LOCAL else slug(host)
    number = int(port) if port else 8883 if tls else 1883
    host = host.removeprefix("[").removesuffix("]")
    return Broker(
        name, host, number, tls=tls, username=username, password_file=password_file, client_id="-"
    )


def _named(brokers: list[Broker]) -> list[Broker]:
    """Two on one host get names that differ."""
    names = [broker.name for broker in brokers]
    return [
        broker if names.count(broker.name) == 1 else replace(broker, name=f"{broker.name}_{at}")
        for at, broker in enumerate(brokers, 1)
    ]


def _look(brokers: list[Broker], for_s: float) -> list[Place]:
    places: list[Place] = []
    names: set[str] = set()
    for named in brokers:
        broker, heard = _heard(named, for_s)
        if sys.stderr.isatty():
            click.echo("\r\033[K", err=True, nl=False)
        found = init_sources.sources(heard, broker.name, names)
        names |= {source.name for source in found}
        places.append(Place(broker, heard, [init_sight.look(source, heard) for source in found]))
    return places


def _heard(broker: Broker, for_s: float) -> tuple[Broker, Heard]:
    """What it said; a broker that is silent towards MQTT 5 is spoken to in 3.1.1, and noted so."""
    try:
        return broker, listen(broker, for_s, _progress(broker))
    except NotConnectedError as error:
        if "no answer to CONNECT" not in str(error):
            raise
        older = replace(broker, protocol="3.1.1")
        return older, listen(older, for_s, _progress(older))


def _progress(broker: Broker) -> Tell:
    """A line that counts down, on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def tell(left_s: float, messages: int, topics: int) -> None:
        line = f"{broker.host}:{broker.port}: {left_s:3.0f} s left, {counted(messages, 'message')}"
        click.echo(
            f"\r\033[K{line} on {counted(topics, 'topic')} (Ctrl-C: enough)", err=True, nl=False
        )

    return tell


def _propose(places: list[Place], gateway_id: str, *, asks: bool) -> Proposal:
    kept = init_ask.sources(places) if asks else places
    proposal = Proposal(gateway_id, kept, beside=not StoreSettings().path.parent.is_dir())
    found = [part for place in kept for part in init_proposal.parts(place)]
    if asks:
        init_ask.assets(proposal, found)
    else:
        for part in found:
            init_proposal.add(proposal, part)
    return proposal


def _nothing(places: list[Place]) -> str:
    which = ", ".join(f"{place.broker.host}:{place.broker.port}" for place in places)
    return (
        f"no bridge and no JSON was heard at {which}: nothing is written. Listen longer"
        " (--listen-for 10m), or see docs/first-configuration.md"
    )


def _say(proposal: Proposal, output: Path, *, as_json: bool) -> None:
    text = init_yaml.text(proposal, str(output), time.time_ns() // 1_000_000)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    _write(output, text)
    if as_json:
        told = {**init_proposal.report(proposal), "file": str(output)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        count = counted(len(proposal.assets), "asset")
        click.echo(f"{output}: {count}. Next: edge-gateway check {output}", err=True)


def _write(output: Path, text: str) -> None:
    """Write it whole or not at all, and only if it is a configuration; the schema beside it.

    Raises:
        BadFileError: it is none, which is our mistake; the draft stays, to be shown to us.
        ConfigError: it cannot be written there.
    """
    from gateway.config import editors
    from gateway.config.loader import load_document

    draft = output.with_name(f".{output.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        load_document(draft)
        draft.replace(output)
        output.with_name(modeline.NAME).write_text(editors.text(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output}: {error.strerror or error}") from None
