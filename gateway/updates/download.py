"""Downloads: as long as the signed list says, continued where they stopped, checked, then named."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadHTTPError

from gateway.core.updates import Offer
from gateway.errors import RepositoryAwayError, RepositoryRefusedError, UpdateError
from gateway.models.archive import MAX_TAR_BYTES
from gateway.updates.catalogue import Catalogue, explained
from gateway.updates.fetch import Fetcher

BEYOND: Final = 416
"""There is nothing at the byte that was asked for."""


def download(
    catalogue: Catalogue, fetcher: Fetcher, offer: Offer, folder: Path, spare_bytes: int
) -> Path:
    """Get the file of an offer; where it lies, whole.

    Args:
        catalogue: what is signed.
        fetcher: how it comes.
        offer: what is wanted.
        folder: for parts; those of other offers are thrown away.
        spare_bytes: must stay free on the disk.

    Raises:
        RepositoryAwayError: it did not come whole: what came stays, for the next time.
        RepositoryRefusedError: it is not what its list says; it is thrown away.
        UpdateError: there is no room for it.
    """
    if offer.length > MAX_TAR_BYTES:
        raise RepositoryRefusedError(f"{offer.path}: {offer.length} bytes, at most {MAX_TAR_BYTES}")
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    part = folder / f"{offer.sha256}.part"
    for other in folder.iterdir():
        if other != part:
            other.unlink()
    have = part.stat().st_size if part.is_file() else 0
    if shutil.disk_usage(folder).free - (offer.length - have) < spare_bytes:
        raise UpdateError(f"store.min_free_bytes ({spare_bytes}) must stay free on the disk")
    with explained(offer.path):
        if have < offer.length:
            have = _continued(catalogue.address(offer), fetcher, part, have, offer)
    if have < offer.length:
        raise RepositoryAwayError(f"{offer.path}: {have} of {offer.length} bytes came")
    if not catalogue.check(offer, part):
        part.unlink()
        raise RepositoryRefusedError(f"{offer.path}: not what its list says: another hash")
    return part


def _continued(url: str, fetcher: Fetcher, part: Path, have: int, offer: Offer) -> int:
    """Append what is missing; how much is there then."""
    try:
        goes_on, chunks = fetcher.stream(url, have)
    except DownloadHTTPError as error:
        if error.status_code != BEYOND:
            raise
        part.unlink()
        raise RepositoryRefusedError(f"{offer.path}: cut off: it ends at byte {have}") from error
    have = have if goes_on else 0
    with part.open("ab" if goes_on else "wb") as file:
        try:
            for chunk in _bounded(chunks, offer.length - have, offer.path):
                have += file.write(chunk)
        except RepositoryRefusedError:
            part.unlink()
            raise
        finally:
            file.flush()
            os.fsync(file.fileno())
    return have


def _bounded(chunks: Iterator[bytes], most: int, path: str) -> Iterator[bytes]:
    for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            raise RepositoryRefusedError(f"{path}: more bytes than its list says")
        yield chunk
