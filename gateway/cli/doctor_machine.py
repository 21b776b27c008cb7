"""Probes of this machine: disk, clock, files, certificates, model packages."""

import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.adapters.mqtt_settings import Broker
from gateway.cli import doctor_certificate
from gateway.cli.doctor_disk import disk
from gateway.cli.doctor_finding import Finding
from gateway.cli.doctor_flight import crashes
from gateway.config.settings import Settings
from gateway.core.counts import counted
from gateway.daemon.clock import SystemClock
from gateway.errors import PackageError

SOON_DAYS: Final = 30
CONNECT_S: Final = 5.0
MachineProbe = Callable[[Settings], Iterator[Finding]]


def space(settings: Settings) -> Iterator[Finding]:
    """Whether the store has the room that it was promised."""
    store = settings.store
    folder = _there(store.path)
    free = shutil.disk_usage(folder).free
    used = sum(one.stat().st_size for one in folder.glob(f"{store.path.name}*") if one.is_file())
    mib = f"{free >> 20} MiB free at {folder}"
    cure = "a smaller store.max_bytes, or a larger disk"
    if free < store.min_free_bytes:
        what = f"{mib}: below store.min_free_bytes, the oldest readings are removed now"
        yield Finding("disk-space", "error", what, cure)
    elif free - store.min_free_bytes < store.max_bytes - used:
        what = f"{mib}: the disk is full before the database has store.max_bytes"
        yield Finding("disk-space", "warning", what, cure)
    else:
        yield Finding("disk-space", "ok", f"{mib}: enough for store.max_bytes")


def medium(settings: Settings) -> Iterator[Finding]:
    """Whether the disk under the database keeps what it is told, and how worn it is."""
    yield from disk(_there(settings.store.path))


def clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock is synchronised."""
    del settings
    if SystemClock().ok():
        yield Finding("clock", "ok", "the clock is synchronised")
    else:
        what = "the clock is not synchronised: times of readings are mended only once it is"
        cure = "timedatectl set-ntp true; is systemd-timesyncd or chrony installed and reached?"
        yield Finding("clock", "warning", what, cure)


def permissions(settings: Settings) -> Iterator[Finding]:
    """Whether others can read secrets, and we can write the database."""
    open_, closed = [], []
    for key, file in _files(settings):
        if key in _SECRETS and file.is_file():
            if file.stat().st_mode & 0o004:
                open_.append(file)
            if not os.access(file, os.R_OK):
                closed.append(file)
    for file in open_:
        what = f"everybody on this machine can read {file}"
        yield Finding("permissions", "warning", what, f"chmod o-r {file}")
    for file in closed:
        what = f"{file} cannot be read by this user"
        yield Finding("permissions", "error", what, f"chgrp edge-gateway {file}; chmod g+r {file}")
    path = settings.store.path
    if not os.access(path if path.exists() else _there(path), os.W_OK):
        what = f"{path} cannot be written by this user"
        yield Finding("permissions", "error", what, f"chown edge-gateway {path.parent} {path}")
    elif not open_ and not closed:
        yield Finding("permissions", "ok", "secrets are readable by us alone")


def certificates(settings: Settings) -> Iterator[Finding]:
    """Until when the certificates hold: those of the file, and those the brokers show."""
    texts = {str(file): _read(file) for key, file in _files(settings) if key in _CERTIFICATES}
    texts |= {
        f"broker {broker.name}": _shown(broker)
        for broker in settings.brokers.values()
        if broker.tls is not None
    }
    now = datetime.fromtimestamp(time.time(), UTC)
    told = {
        title: min(ends) for title, pem in texts.items() if (ends := doctor_certificate.ends(pem))
    }
    for title, end in told.items():
        days = (end - now).days
        what = f"the certificate of {title} ends on {end:%Y-%m-%d}, in {counted(days, 'day')}"
        if days < 0:
            what = f"the certificate of {title} has ended on {end:%Y-%m-%d}"
        severity = "error" if days < 0 else "warning" if days < SOON_DAYS else "ok"
        cure = "" if severity == "ok" else "renew it; the gateway reads the files at each connect"
        yield Finding("certificate", severity, what, cure)  # type: ignore[arg-type]  # one of the three


def models(settings: Settings) -> Iterator[Finding]:
    """Whether the model packages are whole, and can be run here."""
    from gateway.models.package import verify
    from gateway.models.signature import public_key

    for name, model in settings.models.items():
        try:
            package = verify(model.package, public_key(model.trust) if model.trust else "")
        except PackageError as error:
            cure = f"edge-gateway model verify {model.package}"
            yield Finding("model-package", "error", f"model {name}: {error}", cure)
            continue
        version = f"{package.manifest.id} {package.manifest.version}"
        yield Finding("model-package", "ok", f"model {name}: {version} is whole")
    if settings.models and find_spec("onnxruntime") is None:
        what = "onnxruntime is not installed: rules judge, models do not"
        yield Finding(
            "model-runtime", "error", what, "pip install onnxruntime; 64-bit systems only"
        )


MACHINE: Final[tuple[MachineProbe, ...]] = (
    space,
    medium,
    clock,
    permissions,
    certificates,
    models,
    crashes,
)
"""Each is asked once."""

_SECRETS: Final = frozenset({"password_file", "token_file", "key_file", "to_file", "secret_file"})
_CERTIFICATES: Final = frozenset({"ca_file", "cert_file"})


def _files(node: object, key: str = "") -> Iterator[tuple[str, Path]]:
    """Every file that the settings name, with the key that names it."""
    if is_dataclass(node) and not isinstance(node, type):
        for one in fields(node):
            yield from _files(getattr(node, one.name), one.name)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _files(value, name if isinstance(name, str) else "")
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _files(value, key)
    elif key.endswith("_file") and isinstance(node, str | Path) and str(node):
        yield key, Path(node)


def _there(path: Path) -> Path:
    """The nearest folder that exists."""
    return next(parent for parent in path.absolute().parents if parent.is_dir())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _shown(broker: Broker) -> str:
    """What the broker shows to whoever connects; empty where that cannot be had."""
    try:
        return ssl.get_server_certificate((broker.host, broker.port), timeout=CONNECT_S)
    except (OSError, ValueError):
        return ""
