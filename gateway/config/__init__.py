"""The user's YAML file: read with positions, checked, frozen."""

from gateway.config.loader import load, load_part
from gateway.config.problems import BadFileError, Problem
from gateway.config.settings import Limits, Log, ModelSettings, Settings, Source

__all__ = [
    "BadFileError", "Limits", "Log", "ModelSettings", "Problem", "Settings", "Source", "load",
    "load_part",
]  # fmt: skip
