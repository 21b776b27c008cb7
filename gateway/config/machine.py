"""A good file on this machine: are its packages, its secrets and its store's place there?"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.adapters.mqtt_settings import Broker
from gateway.config import auditing, check_inference, check_sync, check_telling, check_web, updates
from gateway.config.problems import Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document, Place
from gateway.errors import PackageError
from gateway.models.package import Package, verify
from gateway.models.signature import public_key

MAX_SECRET_BYTES = 65_536


def packages(settings: Settings, doc: Document) -> tuple[Mapping[str, Package], list[Problem]]:
    """Verify every model package, candidates too, without running one."""
    verified: dict[str, Package] = {}
    problems: list[Problem] = []
    for name, model in settings.models.items():
        place: Place = ("models", name, "trust")
        try:
            trust = public_key(model.trust) if model.trust else ""
            place = ("models", name, "package")
            verified[name] = verify(model.package, trust)
            if model.candidate is not None and not model.delivered:
                place = ("models", name, "candidate", "package")
                verify(model.candidate, trust)
        except PackageError as error:
            problems += [doc.problem(place, line) for line in str(error).splitlines()]
    return verified, problems


def problems(settings: Settings, doc: Document) -> Iterator[Problem]:
    """What would stop the daemon here."""
    for name, broker in settings.brokers.items():
        yield from _secrets(name, broker, doc)
    if doc.node(("store", "path")) is not None:
        why = _unwritable(settings.store.path)
        if why:
            yield doc.problem(("store", "path"), why)
    yield from check_telling.unsendable(settings, doc, _unreadable)
    yield from check_sync.unsendable(settings, doc, _unreadable)
    yield from auditing.unusable(settings, doc)
    yield from check_inference.unaskable(settings, doc, _unreadable)
    yield from updates.unusable(settings, doc)
    yield from check_web.unusable(settings, doc, _unreadable)


def warnings(settings: Settings, doc: Document) -> Iterator[Problem]:
    """What may be meant otherwise on this machine."""
    if doc.node(("store", "path")) is None:
        why = _unwritable(settings.store.path)
        if why:
            yield doc.problem(("store",), why, "set store.path, or run under systemd", key=True)
    for name, broker in settings.brokers.items():
        if broker.password_file and _readable_by_all(Path(broker.password_file)):
            place: Place = ("brokers", name, "password_file")
            yield doc.problem(place, "everybody on this machine can read it", "chmod 640")


def _secrets(name: str, broker: Broker, doc: Document) -> Iterator[Problem]:
    tls = broker.tls
    files: dict[Place, str] = {("password_file",): broker.password_file}
    if tls is not None:
        files |= {("tls", key): getattr(tls, key) for key in ("ca_file", "cert_file", "key_file")}
    for keys, file in files.items():
        why = _unreadable(file) if file else ""
        if why:
            yield doc.problem(("brokers", name, *keys), f"{file}: {why}")


def _unreadable(file: str) -> str:
    """Why a secret's file is of no use; empty when it is."""
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not data.strip():
        return "is empty"
    return f"is larger than {MAX_SECRET_BYTES} bytes" if len(data) > MAX_SECRET_BYTES else ""


def _readable_by_all(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & 0o004)
    except OSError:
        return False


def _unwritable(path: Path) -> str:
    """Why the database cannot be made there; empty when it can. The store makes its folders."""
    if path.is_dir():
        return f"{path} is a directory; name a file in it"
    if path.exists():
        return "" if os.access(path, os.R_OK | os.W_OK) else f"{path} cannot be written"
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        return f"{folder} is not a directory"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"
