"""The catalogue: what a repository offers, believed only as far as it is signed.

python-tuf's client does the verifying: root by root, timestamp, snapshot, targets and the roles
they name, each signed by enough keys, none older than what was seen before, none expired.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tuf.api import exceptions
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig

from gateway.config.settings import UpdateSettings
from gateway.core.updates import Offer, Terms
from gateway.errors import RepositoryAwayError, RepositoryRefusedError, UpdateError
from gateway.updates.fetch import Fetcher

LIMITS: Final = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=8,
    root_max_length=128 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=1024 * 1024,
    targets_max_length=1024 * 1024,
)
PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}\.tar")
"""What the file of a package may be called: it becomes one of ours, and a part of an address."""
_MISSING: Final = (403, 404, 410)


class Catalogue:
    """The signed lists of one repository, as they are now."""

    def __init__(self, settings: UpdateSettings, fetcher: Fetcher) -> None:
        """Begin with the root of trust.

        Raises:
            UpdateError: it is none.
        """
        self._settings = settings
        self._fetcher = fetcher
        self._folder = settings.folder / "metadata"
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with explained(f"{settings.root}"):
            self._updater = Updater(
                metadata_dir=str(self._folder),
                metadata_base_url=f"{settings.url}/metadata/",
                fetcher=fetcher,
                config=LIMITS,
                bootstrap=settings.root.read_bytes(),
            )

    def refresh(self) -> None:
        """Ask for what is new.

        Raises:
            UpdateError: nothing was believed.
        """
        with explained("the repository"):
            self._updater.refresh()

    def offers(self, name: str) -> list[Offer]:
        """Everything that is offered of a model.

        Raises:
            UpdateError: its list was not believed.
        """
        probe = f"models/{name}/?"
        with explained(f"the list of {name}"):
            self._updater.get_targetinfo(probe)  # loads, and so verifies, who may speak of it
            top = self._read("targets")
            roles = top.delegations.get_roles_for_target(probe) if top.delegations else ()
            lists = [top, *(self._read(role) for role, _ in roles)]
        prefix = probe.removesuffix("?")
        paths = {
            path
            for one in lists
            for path in one.targets
            if path.startswith(prefix) and PACKAGE.fullmatch(path.removeprefix(prefix))
        }
        found = [self.offer(path) for path in sorted(paths)]
        return [one for one in found if one is not None]

    def offer(self, path: str) -> Offer | None:
        """What is offered under a path; None when nothing is.

        Raises:
            UpdateError: the list was not believed.
        """
        target = self._target(path)
        if target is None or "sha256" not in target.hashes:
            return None
        try:
            terms = Terms.from_custom(target.custom)
        except ValueError as error:
            raise RepositoryRefusedError(f"{path}: {error}") from error
        return Offer(path, target.hashes["sha256"], target.length, terms)

    def check(self, offer: Offer, file: Path) -> bool:
        """Whether a file is what was offered."""
        target = self._target(offer.path)
        if target is None:
            return False
        with file.open("rb") as opened:
            try:
                target.verify_length_and_hashes(opened)
            except exceptions.LengthOrHashMismatchError:
                return False
        return True

    def address(self, offer: Offer) -> str:
        """Where its file lies: consistent snapshots have the hash in the name."""
        folder, _, name = offer.path.rpartition("/")
        return f"{self._settings.url}/targets/{folder}/{offer.sha256}.{name}"

    def settle(self) -> None:
        """What is known of the repository is on the disk, so that a power cut cannot undo it."""
        for file in self._folder.glob("*.json"):
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def _target(self, path: str) -> TargetFile | None:
        with explained(path):
            return self._updater.get_targetinfo(path)

    def _read(self, role: str) -> Targets:
        """A role's list, which the updater has verified and put down in this very visit."""
        found: Metadata[Any] = Metadata.from_file(str(self._folder / f"{role}.json"))
        if not isinstance(found.signed, Targets):
            raise exceptions.RepositoryError(f"{role} is no list of targets")
        return found.signed


@contextmanager
def explained(what: str) -> Iterator[None]:
    """What goes wrong, in our words: is it away, or is it not to be believed?"""
    try:
        yield
    except exceptions.DownloadLengthMismatchError as error:
        raise RepositoryRefusedError(f"{what}: larger than it may be: {error}") from error
    except exceptions.SlowRetrievalError as error:
        raise RepositoryAwayError(f"{what}: too slow: {error}") from error
    except exceptions.DownloadHTTPError as error:
        missing = "not there: " if error.status_code in _MISSING else ""
        raise RepositoryAwayError(f"{what}: {missing}{error}") from error
    except exceptions.DownloadError as error:
        wrapped = str(error).startswith("Failed to download")  # python-tuf's words, with a cause
        raise RepositoryAwayError(f"{what}: {error.__cause__ if wrapped else error}") from error
    except exceptions.RepositoryError as error:
        raise RepositoryRefusedError(f"{what}: {_words(error)}") from error
    except OSError as error:
        raise UpdateError(f"{what}: {error.strerror or error}") from error


def _words(error: exceptions.RepositoryError) -> str:
    said = str(error)[:300]
    kinds: dict[type[Exception], str] = {
        exceptions.ExpiredMetadataError: "expired",
        exceptions.UnsignedMetadataError: "wrongly signed",
        exceptions.LengthOrHashMismatchError: "not what its list says",
        exceptions.BadVersionNumberError: "older than what was seen, or of another version",
    }
    kind = next((word for of, word in kinds.items() if isinstance(error, of)), "not valid")
    return f"{kind}: {said}"
