"""``edge-gateway doctor``: are this machine, the brokers and the bridges as the gateway needs them?

A new probe is one function that yields findings, and its name in ``PROBES`` or ``MACHINE``.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from gateway.cli import doctor_bridges, doctor_broker
from gateway.cli.doctor_finding import Finding, Patient, Probe
from gateway.cli.doctor_machine import MACHINE
from gateway.cli.user_file import config_option
from gateway.config.settings import Settings
from gateway.core.counts import counted

PROBES: Final[tuple[Probe, ...]] = (
    doctor_broker.reachable,
    doctor_broker.dropped,
    doctor_broker.sessions,
    doctor_broker.strangers,
    doctor_broker.own_rights,
    doctor_broker.retained,
    doctor_bridges.zigbee,
    doctor_bridges.qos,
)
"""Each is asked of each broker of the file."""


@click.command("doctor")
@config_option()
@click.option("--other-user", default="", help="Try what this user may do, instead of nobody.")
@click.option("--other-password-file", default="", help="The file with its password.")
@click.option("--wait", "wait_s", type=float, default=5.0, help="Patience per question [s].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    path: Path, other_user: str, other_password_file: str, wait_s: float, *, as_json: bool
) -> None:
    """Probe this machine, and the brokers and bridges of the file, live.

    Disk, clock, permissions, certificates, model packages; connection, sessions, queues, rights,
    retained commands; how Zigbee2MQTT is set, and with which QoS bridges publish. Harmless
    messages are published. Exits 1 when an error was found.
    """
    from gateway import config

    settings = config.load(path)
    found: list[Finding] = []
    for finding in examine(settings, wait_s, other_user, other_password_file):
        found.append(finding)
        if not as_json:
            _say(finding)
    counts = Counter(finding.severity for finding in found)
    if as_json:
        rows = [{**finding._asdict(), "link": finding.link} for finding in found]
        click.echo(json.dumps({"findings": rows, "errors": counts["error"]}, ensure_ascii=False))
    else:
        many = f"{counted(counts['error'], 'error')}, {counted(counts['warning'], 'warning')}"
        click.echo(f"{many}, {counts['ok']} ok")
    sys.exit(1 if counts["error"] else 0)


def examine(
    settings: Settings, wait_s: float, other_user: str = "", other_password_file: str = ""
) -> Iterator[Finding]:
    """Look at everything; findings come as they are found."""
    for probe_here in MACHINE:
        yield from probe_here(settings)
    for broker in settings.brokers.values():
        tls = replace(broker.tls, cert_file="", key_file="") if broker.tls else None
        other = replace(broker, username=other_user, password_file=other_password_file, tls=tls)
        patient = Patient(settings, broker, other, wait_s)
        for probe in PROBES:
            yield from probe(patient)


def _say(finding: Finding) -> None:
    click.echo(f"{finding.severity:8} {finding.what}")
    if finding.cure:
        click.echo(f"{'':8} cure: {finding.cure}")
        click.echo(f"{'':8} {finding.link}")
