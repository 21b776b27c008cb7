"""Compact: JSON as we put it on a wire."""

import json
from collections.abc import Callable
from typing import Final

compact: Final[Callable[[object], str]] = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode
"""Write a document without spaces, in UTF-8, its keys in their order.

Raises:
    ValueError: a number is not finite.
    TypeError: it holds what JSON has no word for.
"""
