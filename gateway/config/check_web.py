"""The page, and metrics: who could reach them, and what they need on this machine."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document, Place
from gateway.config.web import place

EXTRA: Final = "pip install 'edge-gateway[web]'"
LIBRARIES: Final = ("starlette", "uvicorn")


def problems(found: Findings) -> Iterator[Problem]:
    """What the network reaches is protected, or the file says that something else does that."""
    metrics = found.root.metrics
    if metrics is not None:
        lacks = {"token_file": metrics.token_file, "tls": metrics.tls}
        yield from _reached(found, "metrics", metrics.listen, lacks, word=metrics.unprotected)
    web = found.root.web
    if web is None:
        return
    lacks = {"password_file": web.password_file, "tls": web.tls}
    yield from _reached(found, "web", web.listen, lacks, word=web.unprotected)
    if web.guest == "operator" and web.password_file is not None:
        yield found.at(("web", "guest"), "nobody is a guest where there is a password_file")


def _reached(
    found: Findings, section: str, listen: str, lacks: Mapping[str, object], *, word: bool
) -> Iterator[Problem]:
    where = place(listen)
    missing = " and ".join(name for name, given in lacks.items() if given is None)
    if missing and not where.loopback and not word:
        hint = "or say unprotected: true, if something in front of it does that"
        text = f"{where.host} is beyond this machine: it needs {missing}"
        yield found.at((section, "listen"), text, hint)


def unusable(
    settings: Settings, doc: Document, unreadable: Callable[[str], str]
) -> Iterator[Problem]:
    """What is needed on this machine, and is not there."""
    missing = [name for name in LIBRARIES if settings.web and find_spec(name) is None]
    if missing:
        yield doc.problem(("web",), f"{' and '.join(missing)} not installed", EXTRA, key=True)
    for where, file in _files(settings).items():
        why = unreadable(str(file)) if file is not None else ""
        if why:
            yield doc.problem(where, f"{file}: {why}")


def _files(settings: Settings) -> dict[Place, Path | None]:
    """Every file of both sections, by its place."""
    web, metrics = settings.web, settings.metrics
    files: dict[Place, Path | None] = {
        ("web", "password_file"): web.password_file if web else None,
        ("metrics", "token_file"): metrics.token_file if metrics else None,
    }
    for section, told in (("web", web), ("metrics", metrics)):
        if told is not None:
            files[section, "tls", "cert_file"] = told.listen.cert_file
            files[section, "tls", "key_file"] = told.listen.key_file
    return files
