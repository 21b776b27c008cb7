"""``edge-gateway forget``: erase a device's data, through the running gateway or without it."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from gateway.cli.user_file import config_option
from gateway.core.counts import counted
from gateway.errors import StoreBusyError

_WORDS = {
    "reports": ("report", "reports"),
    "hours": ("hourly value", "hourly values"),
    "rejects": ("rejected message", "rejected messages"),
    "kept": ("kept state", "kept states"),
    "verdicts": ("verdict that showed its values", "verdicts that showed its values"),
    "outbox": ("message not sent yet", "messages not sent yet"),
    "files": ("damaged database that was set aside", "damaged databases that were set aside"),
}


@click.command("forget")
@click.argument("device")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_option()
def command(device: str, path: Path, *, yes: bool, as_json: bool) -> None:
    """Erase everything of DEVICE, as <source>/<device>: it cannot be taken back.

    Of a running gateway it is asked; of one that is stopped the database is opened. The audit chain
    stays: how many of its records name the device is told.
    """
    source, slash, name = device.partition("/")
    if not (source and slash and name):
        raise click.UsageError("write <source>/<device>, as in zigbee/line 3/pump plug")
    if not yes:
        click.confirm(f"Erase everything of {device}?", abort=True)
    told = _forget(path, source, name)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for line in _lines(device, told):
        click.echo(line)


def _forget(path: Path, source: str, device: str) -> Mapping[str, object]:
    """Erase it.

    Raises:
        GatewayError: it was not erased.
    """
    from gateway import config
    from gateway.adapters import dumps
    from gateway.cli.asking import ask
    from gateway.daemon.clock import SystemClock
    from gateway.store.writer import Store

    settings, clock = config.load(path), SystemClock()
    now_ms, mono_ms = clock.now_ms(), clock.mono_ms()
    try:
        store = Store.open(settings.store, boot=clock.boot, now_ms=now_ms, mono_ms=mono_ms)
    except StoreBusyError:
        return dict(ask(path, "forget", {"device": f"{source}/{device}"}, wait_s=60.0))
    try:
        done = store.forget_recorded(source, device)
        dumps.forget(dumps.folder_of(settings.store.path), device)
    finally:
        store.close()
    return {"device": f"{source}/{device}", "done": True} | done._asdict()


def _lines(device: str, told: Mapping[str, object]) -> list[str]:
    if not told.get("done"):
        return [f"{device}: being erased; the gateway's event device_forgotten tells the end"]
    lines = [f"{device}: erased"]
    lines += [f"  {counted(told[key], *words)}" for key, words in _WORDS.items() if told.get(key)]
    if told.get("audit_records"):
        one = "record of the audit chain names it, and stays until it ages"
        many = "records of the audit chain name it, and stay until they age"
        lines.append(counted(told["audit_records"], one, many))
    if told.get("still_mapped"):
        assets = ", ".join(map(str, told["still_mapped"]))  # type: ignore[call-overload]  # a list
        lines.append(f"the file still maps it to {assets}: what it sends from now on is stored")
    return lines
