"""What is in a bundle: each part is one function that gives a document or a text."""

import json
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.adapters import dumps
from gateway.cli.support_bundle_mask import Masker
from gateway.config.settings import Settings
from gateway.errors import GatewayError

REJECTS: Final = 500
DUMPS: Final = 4
PAYLOAD: Final = 2_048
_OURS: Final = (
    *("paho-mqtt", "onnxruntime", "numpy", "PyYAML", "structlog", "sqlite-utils", "pydantic"),
    *("click", "starlette", "uvicorn", "orjson", "cryptography", "amqtt", "apprise", "pyarrow"),
    *("psycopg", "nats-py", "confluent-kafka", "tuf", "httpx", "edge-gateway"),
)

Part = Callable[[], object]


def versions() -> object:
    """The programs and the machine."""
    found = {one.metadata["Name"]: one.version for one in distributions()}
    folded = {name.lower().replace("_", "-"): version for name, version in found.items() if name}
    return {
        "edge-gateway": __version__,
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "packages": {one: folded[one.lower()] for one in sorted(_OURS) if one.lower() in folded},
        "machine": platform.machine(),
        "kernel": platform.release(),
        "system": _first("/etc/os-release", "PRETTY_NAME="),
        "model": _first("/proc/device-tree/model", ""),
        "memory": _first("/proc/meminfo", "MemTotal:"),
    }


def _first(file: str, start: str) -> str:
    """The rest of the first line that begins so; empty where there is no such file."""
    try:
        lines = Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.removeprefix(start) for line in lines if line.startswith(start))
    return next(found, "").strip(' "\0')


def checked(path: Path) -> object:
    """What ``check`` says, without the lines of the file."""
    from gateway.cli.check import examine
    from gateway.config import BadFileError

    try:
        report, warnings = examine(path)
    except BadFileError as error:
        return {"ok": False, "problems": _records(error.problems)}
    return {"ok": True, **report, "warnings": _records(warnings)}


def origins(path: Path) -> str:
    """Each value and where it comes from."""
    from gateway.config import origins as all_

    return "\n".join(f"{one.key}: {one.text}  # {one.origin}" for one in all_.values(path))


def _records(problems: Any) -> list[Mapping[str, object]]:
    return [{"line": one.line, "message": one.message, "hint": one.hint} for one in problems]


def found(settings: Settings, wait_s: float) -> object:
    """What doctor finds."""
    from gateway.cli.doctor import examine

    return [{**one._asdict(), "link": one.link} for one in examine(settings, wait_s)]


def database(settings: Settings) -> object:
    """Its tables, rows, sizes and counters; nothing of what the rows say."""
    from gateway.store.reader import Reader

    path = settings.store.path
    sizes = {one.name: one.stat().st_size for one in sorted(path.parent.glob(f"{path.name}*"))}
    try:
        with Reader.open(path) as reader:
            tables = reader.query("SELECT name, type, sql FROM sqlite_master ORDER BY name").rows
            names = [name for name, kind, _ in tables if kind == "table"]
            rows = {
                str(name): reader.query(f'SELECT count(*) FROM "{name}"').rows[0][0]  # noqa: S608 - names of its own tables
                for name in names
            }
            counters = reader.query("SELECT scope, reason, n FROM counter ORDER BY n DESC").rows
            migrations = reader.query("SELECT name FROM _sqlite_migrations ORDER BY id").rows
    except GatewayError as error:
        return {"path": str(path), "files": sizes, "error": str(error)}
    return {
        "path": str(path),
        "files": sizes,
        "migrations": [name for (name,) in migrations],
        "rows": rows,
        "counters": {f"{scope}/{reason}": n for scope, reason, n in counters},
        "schema": [sql for _, _, sql in tables if sql],
    }


def dumped(settings: Settings) -> list[Path]:
    """What the flight recorder left, the newest few."""
    return dumps.dumps(dumps.folder_of(settings.store.path))[-DUMPS:]


def rejects(settings: Settings, *, payloads: bool) -> str:
    """The newest messages that were rejected, one JSON object per line."""
    from gateway.store.reader import Reader

    query = (
        "SELECT received_at_ms, source, broker, topic, reason, detail, length(payload), payload"
        " FROM reject ORDER BY id DESC"
    )
    try:
        with Reader.open(settings.store.path) as reader:
            rows = reader.query(query, limit=REJECTS).rows
    except GatewayError as error:
        return json.dumps({"error": str(error)})
    return "\n".join(_reject(row, payloads=payloads) for row in rows)


def _reject(row: tuple[Any, ...], *, payloads: bool) -> str:
    """The detail may quote the message, so it goes with the payload."""
    at_ms, source, broker, topic, reason, detail, size, payload = row
    told = {"received_at_ms": at_ms, "source": source, "broker": broker, "topic": topic}
    told |= {"reason": reason, "bytes": size}
    if payloads:
        told |= {"detail": detail, "payload": payload[:PAYLOAD].decode("utf-8", "backslashreplace")}
    return json.dumps(told, ensure_ascii=False)


def rendered(name: str, made: object, masker: Masker) -> Iterator[tuple[str, bytes]]:
    """A part as the file that is put in, without secrets."""
    import yaml

    if isinstance(made, str):
        lines = [_line(line, masker) for line in made.splitlines()]
        text = "\n".join(lines) + "\n"
    elif name.endswith(".yaml"):
        text = yaml.safe_dump(masker.tree(made), sort_keys=False, allow_unicode=True)
    else:
        text = json.dumps(masker.tree(made), indent=2, ensure_ascii=False, default=str) + "\n"
    yield name, masker.text(text).encode()


def _line(line: str, masker: Masker) -> str:
    """A line of JSON is masked as the document it is."""
    try:
        return json.dumps(masker.tree(json.loads(line)), ensure_ascii=False)
    except ValueError:
        return masker.text(line)
