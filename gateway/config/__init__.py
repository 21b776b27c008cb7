"""The user's YAML file: read with positions, checked, frozen.

The settings are cheap; what reads a file takes 12 MB, and is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from gateway.config.problems import BadFileError, Problem
from gateway.config.settings import Limits, ModelSettings, Settings, Source
from gateway.config.watching import Log

if TYPE_CHECKING:
    from gateway.config.loader import load
    from gateway.config.parts import load_part

__all__ = [
    "BadFileError", "Limits", "Log", "ModelSettings", "Problem", "Settings", "Source", "load",
    "load_part",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """``load`` and ``load_part``, imported by the first who asks (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gateway.config import loader, parts

    return getattr(loader if name == "load" else parts, name)
