"""``edge-gateway support-bundle``: what somebody who helps needs to see, and no secret."""

import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import click

from gateway import config
from gateway.cli import status, support_bundle_parts, sync_view
from gateway.cli.support_bundle_mask import Masker
from gateway.cli.support_bundle_parts import Part, rendered
from gateway.cli.user_file import config_option
from gateway.config import document, tree
from gateway.config.settings import Settings
from gateway.config.show import effective
from gateway.core.times import rfc3339
from gateway.errors import ConfigError, GatewayError

_ABOUT: Final = """\
A support bundle of edge-gateway, made at {when}.

Comments of the configuration are left out; passwords, tokens and keys are masked, wherever they
came from. Names of hosts, topics, devices and assets are in it: look through it before you post it.

{files}
"""


@click.command("support-bundle")
@config_option()
@click.option("--output", type=click.Path(path_type=Path), help="Default: here, named by the time.")
@click.option("--with-payloads", is_flag=True, help="Also what rejected messages said.")
@click.option("--wait", "wait_s", type=float, default=3.0, help="Patience per question [s].")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(
    path: Path, output: Path | None, with_payloads: bool, wait_s: float, *, force: bool
) -> None:
    """Pack configuration, findings, health, versions and the database's shape into one tar.gz.

    Secrets are masked: by the names of their keys, by what the named files hold, and in addresses.
    Prints what is inside. Exits 1 when a part could not be had; the others are in it.
    """
    now_ms = time.time_ns() // 1_000_000
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ms / 1000))
    file = output or Path(f"edge-gateway-{stamp}.tar.gz")
    if file.exists() and not force:
        raise ConfigError(f"{file} is there: --force writes over it, --output names another")
    masker, parts = _parts(path, wait_s, payloads=with_payloads)
    packed: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    for name, part in parts:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{name} ...", err=True, nl=False)
        try:
            packed |= rendered(name, part(), masker)
        except (GatewayError, OSError) as error:
            failed[name] = masker.text(str(error))
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    packed["missing.json"] = json.dumps(failed, indent=2, ensure_ascii=False).encode()
    listed = "\n".join(f"  {name:20} {len(data):>9} bytes" for name, data in packed.items())
    about = _ABOUT.format(when=rfc3339(now_ms), files=listed)
    _pack(file, {"README.txt": about.encode(), **packed}, now_ms // 1000)
    click.echo(f"{file}\n{listed}")
    for name, why in failed.items():
        click.echo(f"missing: {name}: {why}", err=True)
    sys.exit(1 if failed else 0)


def _parts(path: Path, wait_s: float, *, payloads: bool) -> tuple[Masker, list[tuple[str, Part]]]:
    """What can be had, in order; of a file that is wrong, less."""
    parts: list[tuple[str, Part]] = [("versions.json", support_bundle_parts.versions)]
    parts.append(("check.json", lambda: support_bundle_parts.checked(path)))
    try:
        root = document.read(path, lenient=True).root
    except ConfigError:
        return Masker({}, path.parent), parts  # not YAML: what is secret in it cannot be told
    said = tree.plain(root)
    masker = Masker(said, path.absolute().parent, tree.hidden(root))
    parts.append(("configuration.yaml", lambda: said))
    try:
        settings = config.load(path)
    except ConfigError:
        return masker, parts
    parts.append(("origins.txt", lambda: support_bundle_parts.origins(path)))
    parts += _living(path, settings, wait_s, payloads=payloads)
    return masker, parts


def _living(
    path: Path, settings: Settings, wait_s: float, *, payloads: bool
) -> Iterator[tuple[str, Part]]:
    """What the gateway, its broker and its database say."""
    yield "effective.yaml", lambda: effective(settings)
    for file in support_bundle_parts.dumped(settings):
        yield f"flight-recorder/{file.name}", partial(file.read_text, errors="replace")
    yield "database.json", lambda: support_bundle_parts.database(settings)
    yield "rejects.jsonl", lambda: support_bundle_parts.rejects(settings, payloads=payloads)
    view = sync_view.look(path, "health", wait_s)
    yield "health.json", lambda: {"remark": view.remark or None} | dict(view.health)
    yield "status.txt", lambda: "\n".join(status.lines(view, path))
    yield "doctor.json", lambda: support_bundle_parts.found(settings, wait_s)


def _pack(file: Path, packed: dict[str, bytes], at_s: int) -> None:
    """Only its owner may read it.

    Raises:
        ConfigError: it cannot be written there.
    """
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    with os.fdopen(opened, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, data in packed.items():
            entry = tarfile.TarInfo(f"edge-gateway/{name}")
            entry.size, entry.mtime, entry.mode = len(data), at_s, 0o600
            tar.addfile(entry, io.BytesIO(data))
