"""Parts of a file, for those who ask the running gateway, or look into its database."""

from pathlib import Path

from gateway.config import lastgood, loader
from gateway.config.problems import BadFileError
from gateway.config.settings import Settings


def load_part(path: Path | str, *sections: str) -> Settings:
    """Give the settings of some sections, as if no other were written.

    A mistake elsewhere in a file that is being changed keeps no person from stopping a machine;
    nor does one in these sections, while there is a last good file.

    Raises:
        BadFileError: with every problem of these sections, each with its place.
    """
    try:
        return loader.load_part(path, *sections)
    except BadFileError as error:
        kept = lastgood.fallback(Path(path), str(error))
        if kept is None:
            raise
        return kept
