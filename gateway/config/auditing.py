"""The file's section about the audit chain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.adapters.signing import KeyFileError, SigningKey
from gateway.config.problems import Problem
from gateway.config.scalars import Duration
from gateway.config.schema import Section
from gateway.config.settings import AuditSettings, Settings
from gateway.config.tree import Document


class AuditSection(Section):
    """The audit chain: how often its end is signed, and by which key."""

    key_file: str | None = None
    """Secret Ed25519 key (PEM) that signs checkpoints; default: ``audit.key`` beside the database,
    made at the first start. A key elsewhere (a systemd credential) is not in the backups."""
    checkpoint_records: Annotated[int, Field(ge=1, le=1_000)] = 100
    """A checkpoint after so many records ..."""
    checkpoint_interval: Annotated[Duration, Field(ge=1_000)] = 3_600_000
    """... and after this time, if there are new ones; and when the gateway stops."""


def unusable(settings: Settings, doc: Document) -> Iterator[Problem]:
    """A key that the file names must be there, and its owner's alone."""
    if settings.audit.key_file is not None:
        try:
            SigningKey.load(settings.audit.key_file)
        except KeyFileError as error:
            yield doc.problem(("audit", "key_file"), str(error))


def audit(section: AuditSection, here: Path) -> AuditSettings:
    """The settings; a relative path is relative to the file."""
    key = here / section.key_file if section.key_file else None
    return AuditSettings(key, section.checkpoint_records, section.checkpoint_interval)
