"""The page: who could reach it, and what it needs on this machine."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document
from gateway.config.web import place

EXTRA: Final = "pip install 'edge-gateway[web]'"
LIBRARIES: Final = ("starlette", "uvicorn")


def problems(found: Findings) -> Iterator[Problem]:
    """A page that the network reaches is protected, or the file says that something else is."""
    web = found.root.web
    if web is None:
        return
    where = place(web.listen)
    if not where.loopback and not web.unprotected:
        lacks = {"password_file": web.password_file, "tls": web.tls}
        missing = " and ".join(name for name, given in lacks.items() if given is None)
        if missing:
            hint = "or say unprotected: true, if something in front of it does that"
            text = f"{where.host} is beyond this machine: it needs {missing}"
            yield found.at(("web", "listen"), text, hint)
    if web.guest == "operator" and web.password_file is not None:
        yield found.at(("web", "guest"), "nobody is a guest where there is a password_file")


def unusable(
    settings: Settings, doc: Document, unreadable: Callable[[str], str]
) -> Iterator[Problem]:
    """What is needed on this machine, and is not there."""
    web = settings.web
    if web is None:
        return
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        yield doc.problem(("web",), f"{' and '.join(missing)} not installed", EXTRA, key=True)
    files = {
        ("web", "password_file"): web.password_file,
        ("web", "tls", "cert_file"): web.cert_file,
        ("web", "tls", "key_file"): web.key_file,
    }
    for where, file in files.items():
        why = unreadable(str(file)) if file is not None else ""
        if why:
            yield doc.problem(where, f"{file}: {why}")
