"""``edge-gateway repo``: the author's side of updates, a signed repository of static files."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.tables import print_table
from gateway.core.updates import Offer, Terms, moment_ms
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.updates.author import Author

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("repo")
def command() -> None:
    """Make and sign a repository of models and configurations, which any web server can serve.

    DIR is what is served. The secret keys lie elsewhere: in DIR-keys, or in what --keys says.
    """


def _signing(call: Callable[..., None]) -> Callable[..., None]:
    """The options of everything that signs."""

    def signed(
        folder: Path, keys: tuple[Path, ...], passphrase_file: Path | None, **more: Any
    ) -> None:
        call(_author(folder, keys, passphrase_file), **more)

    keys = "Folder of secret keys, several times for keys in several places [default: DIR-keys]."
    words = "File with the passphrase of the keys; new keys are encrypted with it."
    made: Any = update_wrapper(signed, call)
    made = click.argument("folder", metavar="DIR", type=FOLDER)(made)
    made = click.option("--keys", multiple=True, type=FOLDER, help=keys)(made)
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--passphrase-file", type=path, help=words)(made)  # type: ignore[no-any-return]


def _author(folder: Path, keys: tuple[Path, ...], passphrase_file: Path | None) -> "Author":
    try:
        from gateway.updates.author import Author
        from gateway.updates.keyring import Keyring
    except ImportError as error:
        raise ConfigError(f"{error}: pip install 'edge-gateway[updates]'") from error
    passphrase = passphrase_file.read_bytes().strip() if passphrase_file else None
    beside = folder.absolute().with_name(f"{folder.absolute().name}-keys")
    places = keys or (beside,)
    if any(place.absolute().is_relative_to(folder.absolute()) for place in places):
        raise ConfigError("the keys must not lie in what is served")
    return Author(folder, Keyring(places, passphrase), time.time_ns() // 1_000_000)


def _terms(call: Callable[..., None]) -> Callable[..., None]:
    """The options that say for whom an offer is."""
    share = click.IntRange(0, 100)
    options = (
        click.option("--percent", type=share, default=100, show_default=True, help="Of gateways."),
        click.option("--ring", default="", help="Only for gateways of this ring."),
        click.option("--not-before", default="", help="Not before this time, RFC 3339."),
        click.option("--min-gateway", default="", help="Oldest version of the gateway."),
    )
    for option in reversed(options):
        call = option(call)
    return call


def _made(percent: int, ring: str, not_before: str, min_gateway: str) -> Terms:
    try:
        moment_ms(not_before or "2026-01-01T00:00:00Z")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--not-before") from error
    return Terms(percent=percent, ring=ring, not_before=not_before, min_gateway=min_gateway)


def _say(offer: Offer) -> None:
    said = [f"{offer.terms.percent} of 100", offer.terms.ring and f"ring {offer.terms.ring}"]
    said += ["halted"] if offer.terms.halted else []
    click.echo(f"{offer.path}: {', '.join(filter(None, said))}, {offer.length} bytes")


@command.command("init")
@click.option("--threshold", default=2, show_default=True, help="So many root keys must sign.")
@click.option("--roots", default=3, show_default=True, help="So many root keys are made.")
@_signing
def init(author: "Author", threshold: int, roots: int) -> None:
    """Make keys and an empty repository in DIR.

    Take the root keys off this machine, each to another place: they are needed only to exchange
    keys. Gateways get DIR/metadata/root.json (updates.root).
    """
    from gateway.updates import offers

    offers.begin(author, threshold, roots)
    click.echo(f"{author.folder}: serve this folder; gateways get metadata/root.json")


@command.command("add")
@click.option("--name", required=True, help="What the gateways' files call the model.")
@_terms
@_signing
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def add(author: "Author", package: Path, name: str, **terms: Any) -> None:
    """Offer PACKAGE (a folder or a .tar) as the newest version of a model."""
    from gateway.updates import offers

    _say(offers.add_model(author, package, name, _made(**terms)))


@command.command("config")
@click.option("--for", "gateway", default="", help="For the gateway of this id.")
@click.option("--to-ring", default="", help="For the gateways of this ring.")
@_terms
@_signing
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def config(author: "Author", file: Path, gateway: str, to_ring: str, **terms: Any) -> None:
    """Offer FILE, sections of a configuration, to one gateway or to a ring."""
    from gateway.updates import offers

    if bool(gateway) == bool(to_ring):
        raise click.UsageError("say --for GATEWAY or --to-ring RING")
    place = f"gateway/{gateway}" if gateway else f"ring/{to_ring}"
    _say(offers.add_config(author, file, place, _made(**terms)))


@command.command("percent")
@_signing
@click.argument("target")
@click.argument("percent", type=click.IntRange(0, 100))
def percent(author: "Author", target: str, percent: int) -> None:
    """Let PERCENT of 100 gateways take TARGET (its path, or a part of it that no other has)."""
    from gateway.updates import offers

    _say(offers.change(author, target, lambda terms: replace(terms, percent=percent)))


@command.command("halt")
@_signing
@click.argument("target")
@click.option("--resume", is_flag=True, help="Let it go on.")
def halt(author: "Author", target: str, *, resume: bool) -> None:
    """Let no gateway begin with TARGET; those that still have it on trial drop it."""
    from gateway.updates import offers

    _say(offers.change(author, target, lambda terms: replace(terms, halted=not resume)))


@command.command("remove")
@_signing
@click.argument("target")
def remove(author: "Author", target: str) -> None:
    """Offer TARGET no longer, and delete its file; where it judges already it goes on."""
    from gateway.updates import offers

    click.echo(f"{offers.remove(author, target).path}: removed")


@command.command("refresh")
@_signing
def refresh(author: "Author") -> None:
    """Sign anew what ends soon; the timestamp, which ends first, always. Run it daily."""
    click.echo(f"signed: {', '.join(author.refresh())}")


@command.command("rotate")
@_signing
@click.argument("key")
def rotate(author: "Author", key: str) -> None:
    """Exchange KEY: root-2, targets, snapshot, timestamp, config, model-NAME."""
    from gateway.updates import offers

    click.echo(f"{key}: {offers.rotate(author, key)[:16]}")


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("folder", metavar="DIR", type=FOLDER)
def show(folder: Path, *, as_json: bool) -> None:
    """Show what is offered, to whom, and until when it is signed; needs no keys."""
    author = _author(folder, (), None)
    from gateway.updates import offers

    roles = ("root", "targets", *author.delegated(), "snapshot", "timestamp")
    ends = [
        (role, signed.version, f"{signed.expires:%Y-%m-%dT%H:%M:%SZ}")
        for role in roles
        for signed in (author.open(role).signed,)
    ]
    offered = [one.offer for one in offers.found(author).values()]
    if as_json:
        rows = [
            {"path": one.path, "sha256": one.sha256, "bytes": one.length, **one.terms.to_custom()}
            for one in offered
        ]
        signed = {role: {"version": number, "ends": end} for role, number, end in ends}
        click.echo(json.dumps({"roles": signed, "targets": rows}, indent=2))
        return
    print_table(("role", "version", "signed until"), ends)
    columns = ("target", "percent", "ring", "not before", "halted")
    shown = [(one.path, one.terms) for one in offered]
    print_table(columns, [(path, t.percent, t.ring, t.not_before, t.halted) for path, t in shown])
