"""A visit: ask the repository, decide, download, check, put down.

What a visit puts down takes effect when the daemon reads its file again: a model's new version as a
candidate, which its versions try and may refuse; a configuration on trial.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway import __version__
from gateway.config.loader import load_document
from gateway.config.settings import Settings, UpdateSettings
from gateway.config.tree import Document
from gateway.core.updates import Here, Offer
from gateway.errors import UpdateError
from gateway.updates.catalogue import Catalogue
from gateway.updates.download import download
from gateway.updates.fetch import USUAL, Fetcher, Pace
from gateway.updates.record import Record, Taken, changing


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit, with what it knows."""

    settings: Settings
    """Of the user's file alone."""
    doc: Document
    catalogue: Catalogue
    fetcher: Fetcher
    now_ms: int
    dry: bool
    """Only look."""
    found: list[str]
    """What was found, one line each, for people."""

    @property
    def folder(self) -> Path:
        """Where things are put down."""
        return self.updates.folder

    @property
    def updates(self) -> UpdateSettings:
        """What the file says of updates."""
        assert self.settings.updates is not None  # noqa: S101  # who has none, visits nobody
        return self.settings.updates

    @property
    def here(self) -> Here:
        """Who decides."""
        gateway, ring = self.settings.gateway_id, self.updates.ring
        return Here(gateway, ring, __version__, self.now_ms)

    def fetched(self, offer: Offer, taken: Taken, about: str) -> Path | None:
        """The file of an offer, whole and as it is signed; None when it is only looked.

        Raises:
            UpdateError: it did not come, or is another.
        """
        if self.dry:
            return None
        if taken.sha256 not in Record.load(self.folder).offered:
            with changing(self.folder) as record:
                record.offered = [taken.sha256, *record.offered]
                record.took("update_offered", about, taken)
        spare = self.settings.store.min_free_bytes
        parts = self.folder / "parts"
        part = download(self.catalogue, self.fetcher, offer, parts, spare)
        with changing(self.folder) as record:
            record.took("update_downloaded", about, taken)
        return part

    def refuse(self, about: str, taken: Taken, why: str) -> None:
        """It came whole, and cannot be used here: it is not tried again."""
        self.found.append(f"{taken.path}: refused: {why}")
        with changing(self.folder) as record:
            record.fail(about, taken, why)


def begin(file: Path, now_ms: int, *, dry: bool = False, pace: Pace = USUAL) -> Visit:
    """Prepare a visit for a file; nothing is asked yet.

    Raises:
        ConfigError: the file is wrong.
        UpdateError: it asks for no updates, or its root of trust is none.
    """
    settings, doc = load_document(file)
    if settings.updates is None:
        raise UpdateError(f"{file} has no section updates")
    try:
        fetcher = Fetcher(settings.updates.ca_file, pace)
    except OSError as error:
        raise UpdateError(f"{settings.updates.ca_file}: {error.strerror}") from error
    return Visit(settings, doc, Catalogue(settings.updates, fetcher), fetcher, now_ms, dry, [])
