"""The file, read by a process of its own, which takes with it what reading costs.

Pydantic, the models it makes of the file and the YAML loader are 12 MB and a third of a second: too
much to keep for years, and the daemon's own modules are imported meanwhile: the settings' nouns are
among them, and so imported no sooner than they come.
"""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.config.settings import Settings

ABOUT_S = 60.0
"""Longer than the slowest card takes for the longest file."""


class Reading:
    """A file that is being read."""

    def __init__(self, path: Path, before: bytes = b"", *, fall_back: bool = False) -> None:
        """Begin.

        Args:
            path: the file.
            before: the snapshot of the one before it: then it is found what has changed.
            fall_back: the last good file stands in for one that is broken.
        """
        self.path, self.fall_back, self._before = path, fall_back, before
        options = [*["--fall-back"] * fall_back, *["--before"] * bool(before)]
        command = [sys.executable, "-P", "-m", "gateway.config", *options, str(path)]
        given = subprocess.PIPE if before else subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE)  # noqa: S603  # our own interpreter and words

    def again(self) -> "Reading":
        """Read the same file once more."""
        return Reading(self.path, self._before, fall_back=self.fall_back)

    def settings(self) -> "Settings":
        """Wait for the settings of the file.

        Raises:
            ConfigError: with every problem of the file, each with its place; or the process that
                read it died, and said why on standard error.
        """
        try:
            said, _ = self._process.communicate(self._before or None, timeout=ABOUT_S)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            raise ConfigError(f"the file was not read within {ABOUT_S:g} s") from error
        if self._process.returncode:
            code = self._process.returncode
            raise ConfigError(f"the file was not read: its reader ended with exit code {code}")
        import pickle

        from gateway.config.settings import Settings

        found = pickle.loads(said)  # noqa: S301  # said by our own program, started above
        if isinstance(found, ConfigError):
            raise found
        assert isinstance(found, Settings)  # noqa: S101  # nothing else is ever said
        return found


def load(path: Path, before: bytes = b"") -> "Settings":
    """Give the settings of a file, as ``config.load`` does, and what has changed in it.

    Raises:
        ConfigError: with every problem of the file, each with its place.
    """
    return Reading(path, before).settings()
