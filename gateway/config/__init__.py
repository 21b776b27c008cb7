"""The user's YAML file: read with positions, checked, frozen.

What reads a file takes 12 MB, and even the settings take a tenth of a second: each name is imported
by the first who asks for it (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.config.loader import load
    from gateway.config.parts import load_part
    from gateway.config.problems import BadFileError, Problem
    from gateway.config.settings import Limits, ModelSettings, Settings, Source
    from gateway.config.watching import Log

__all__ = [
    "BadFileError", "Limits", "Log", "ModelSettings", "Problem", "Settings", "Source", "load",
    "load_part",
]  # fmt: skip
_PLACES: Final = {
    **dict.fromkeys(("Limits", "ModelSettings", "Settings", "Source"), "settings"),
    **dict.fromkeys(("BadFileError", "Problem"), "problems"),
    "Log": "watching",
    "load": "loader",
    "load_part": "parts",
}


def __getattr__(name: str) -> object:
    """One of the names above."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
