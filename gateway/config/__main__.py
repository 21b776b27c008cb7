"""Reads a file for a process that wants its settings only: ``python -m gateway.config FILE``."""

import pickle
import sys
from pathlib import Path

from gateway.config.loader import load
from gateway.config.settings import Settings
from gateway.errors import ConfigError


def _read(path: Path) -> Settings | ConfigError:
    try:
        return load(path)
    except ConfigError as error:
        return error


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_read(Path(sys.argv[1]))))
