"""The file's section about updates: from where, and what a received file may say."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.config.problems import Problem
from gateway.config.scalars import Duration, OneOrMore
from gateway.config.schema import Section
from gateway.config.settings import Settings, UpdateSettings
from gateway.config.tree import Document

MAX_ROOT_BYTES = 128 * 1024

Bring = Literal[
    "assets", "sources", "models", "exclusions", "limits", "alerts", "homeassistant", "act"
]


class ReceivedSection(Section):
    """Configuration from the repository; without this section none is taken."""

    may: Annotated[tuple[Bring, ...], Field(min_length=1), OneOrMore()]
    """Sections that a received file may bring, each instead of this file's; it is refused whole
    when it has another one. Without ``act`` among them it may not widen what is done to machines:
    no action, limit, interlock or policy in mode ``act`` that this file does not have."""
    probation: Annotated[Duration, Field(ge=1_000)] = 1_200_000
    """How long the gateway must stay healthy with it, in one go; else the one before is back.
    Longer than ``stale`` of a metric, it also shows whether that is still heard."""


class UpdatesSection(Section):
    """Models and configuration from a signed repository (TUF); without this section, none."""

    url: Annotated[str, Field(pattern="^https://[^/?#]+[^?#]*$", max_length=500)]
    """Where it lies: any web server; ``metadata/`` and ``targets/`` are below it."""
    root: str
    """The repository's ``root.json``, which you got by a way you trust: its keys are believed."""
    ca_file: str | None = None
    """Authorities to trust for the connection instead of the system's."""
    ring: Annotated[str, Field(pattern="^[a-z0-9_-]*$", max_length=48)] = ""
    """The ring of this gateway: offers for another one are not taken."""
    every: Annotated[Duration, Field(ge=1_000)] = 21_600_000
    """How often it is asked, give or take half of it."""
    timeout: Annotated[Duration, Field(ge=1_000, le=86_400_000)] = 900_000
    """How long one visit may take, downloads included; the next one goes on where it stopped."""
    config: ReceivedSection | None = None
    """What a received configuration may say."""


def updates_of(section: UpdatesSection | None, folder: Path, here: Path) -> UpdateSettings | None:
    """The settings; relative paths are relative to the file."""
    if section is None:
        return None
    received = section.config
    return UpdateSettings(
        url=section.url.rstrip("/"),
        root=here / section.root,
        folder=folder,
        ca_file=here / section.ca_file if section.ca_file else None,
        ring=section.ring,
        every_ms=section.every,
        timeout_ms=section.timeout,
        may=received.may if received else (),
        probation_ms=received.probation if received else 0,
    )


def unusable(settings: Settings, doc: Document) -> Iterator[Problem]:
    """What is needed on this machine, and is not there."""
    updates = settings.updates
    if updates is None:
        return
    for key, file in (("root", updates.root), ("ca_file", updates.ca_file)):
        try:
            if file is not None and not 0 < len(file.read_bytes()) <= MAX_ROOT_BYTES * 8:
                yield doc.problem(("updates", key), f"{file}: is empty, or too large")
        except OSError as error:
            yield doc.problem(("updates", key), f"{file}: {error.strerror}")
    if find_spec("tuf") is None:
        hint = "pip install 'edge-gateway[updates]'"
        yield doc.problem(("updates",), "python-tuf is not installed", hint, key=True)
