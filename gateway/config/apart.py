"""The file, read by a process of its own, which takes with it what reading costs.

Pydantic, the models it makes of the file and the YAML loader are 12 MB and a third of a second: too
much to keep for years, and the daemon's own modules are imported meanwhile.
"""

import pickle
import subprocess
import sys
from pathlib import Path

from gateway.config.settings import Settings
from gateway.errors import ConfigError

ABOUT_S = 60.0
"""Longer than the slowest card takes for the longest file."""


class Reading:
    """A file that is being read."""

    def __init__(self, path: Path) -> None:
        """Begin."""
        command = [sys.executable, "-P", "-m", "gateway.config", str(path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  # our own interpreter and words

    def settings(self) -> Settings:
        """Wait for the settings of the file.

        Raises:
            ConfigError: with every problem of the file, each with its place; or the process that
                read it died, and said why on standard error.
        """
        try:
            said, _ = self._process.communicate(timeout=ABOUT_S)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            raise ConfigError(f"the file was not read within {ABOUT_S:g} s") from error
        if self._process.returncode:
            code = self._process.returncode
            raise ConfigError(f"the file was not read: its reader ended with exit code {code}")
        found = pickle.loads(said)  # noqa: S301  # said by our own program, started above
        if isinstance(found, ConfigError):
            raise found
        assert isinstance(found, Settings)  # noqa: S101  # nothing else is ever said
        return found


def load(path: Path) -> Settings:
    """Give the settings of a file, as ``config.load`` does.

    Raises:
        ConfigError: with every problem of the file, each with its place.
    """
    return Reading(path).settings()
