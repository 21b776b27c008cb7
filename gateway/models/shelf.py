"""The shelf: a copy of every package that judges, judged, or may come to judge.

The user's own directories are the user's: one that is overwritten with a new version takes the old
one with it. So each package of a model's versions is copied once, as a ``.tar``, beside the store,
checked again where it lies, and removed when its version is forgotten. A copy is opened like any
package: hashes, signature and graph are checked, and what it was is known by its seal.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from gateway.errors import PackageError
from gateway.models.archive import opened, pack
from gateway.models.files import MANIFEST
from gateway.models.package import Package, verify

MAX_BYTES: Final = 512 * 1024 * 1024
"""Of all copies together: about five packages of the largest size, hundreds of usual ones."""

_OURS: Final = re.compile(r".+@[0-9a-f]{12}\.tar")
"""Nothing else is ever removed, whoever put it there."""

log = structlog.get_logger()


class Shelf:
    """The copies of one gateway, in one folder."""

    def __init__(self, folder: Path, spare_bytes: int) -> None:
        """``spare_bytes`` must stay free on the disk. The folder is made with the first copy."""
        self._folder = folder
        self._spare_bytes = spare_bytes
        self._known: dict[str, str] = {}
        """Name -> seal of the copy, as it was last checked."""

    def path(self, name: str) -> Path:
        """Where the copy of a name lies, or would lie."""
        return self._folder / f"{name}.tar"

    def keep(self, name: str, package: Package) -> Path | None:
        """Copy a package, once; where its copy is, None when there is none."""
        place = self.path(name)
        if package.path == place or self._holds(name, package):
            return place
        try:
            contents = {file: _read(package, file) for file in opened(package.path).names()}
            why = self._full(sum(map(len, contents.values())))
            if not why:
                self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
                pack(contents, place)
                if verify(place, package.trust).seal == package.seal:
                    self._known[name] = package.seal
                    return place
                place.unlink()
                why = "it was changed while it was copied"
        except (OSError, PackageError) as error:
            why = str(error)
        log.warning("package_not_kept", model=name, error=why)
        return None

    def _holds(self, name: str, package: Package) -> bool:
        """There is a copy of this very package."""
        if name not in self._known:
            try:
                box = opened(self.path(name))
                self._known[name] = hashlib.sha256(box.read(MANIFEST)).hexdigest()
                for file, told in package.manifest.files.items():
                    if hashlib.sha256(box.read(file)).hexdigest() != told.sha256:
                        self._known[name] = "damaged"
            except PackageError:
                return False
        return self._known[name] == package.seal and self.path(name).is_file()

    def _full(self, size: int) -> str:
        """Why there is no room for so many bytes more; empty when there is."""
        files = self._folder.glob("*.tar") if self._folder.is_dir() else ()
        if size + sum(file.stat().st_size for file in files) > MAX_BYTES:
            return f"the copies of packages may take {MAX_BYTES} bytes"
        parent = next(folder for folder in self._folder.parents if folder.is_dir())
        if shutil.disk_usage(parent).free - size < self._spare_bytes:
            return f"store.min_free_bytes ({self._spare_bytes}) must stay free on the disk"
        return ""

    def tidy(self, names: Iterable[str]) -> None:
        """Only these are still versions of anything."""
        wanted = {self.path(name).name for name in names}
        if not self._folder.is_dir():
            return
        for file in os.scandir(self._folder):
            if file.name not in wanted and _OURS.fullmatch(file.name):
                self._known.pop(file.name.removesuffix(".tar"), None)
                try:
                    Path(file.path).unlink()
                except OSError as error:
                    log.warning("package_not_removed", path=file.path, error=error.strerror)


def _read(package: Package, file: str) -> bytes:
    return opened(package.path).read(file)
