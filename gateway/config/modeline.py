"""The line by which an editor finds the schema of a configuration."""

from typing import Final

NAME: Final = "edge-gateway.schema.json"
"""The schema's file, beside the configuration."""
MODELINE: Final = f"# yaml-language-server: $schema={NAME}"
