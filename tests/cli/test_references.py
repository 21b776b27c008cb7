"""The pages that are written from the code are what the code says now."""

import json
from pathlib import Path

from gateway.cli import commands, manifest_reference
from gateway.cli.main import COMMANDS
from gateway.models.manifest import SCHEMA_FILE

ROOT = Path(__file__).parents[2]


def test_the_reference_of_commands_is_not_stale() -> None:
    page = (ROOT / "docs/commands.md").read_text("utf-8")
    assert page == commands.reference(), "run: edge-gateway commands > docs/commands.md"


def test_the_reference_of_commands_has_every_command_once() -> None:
    page = commands.reference()
    for name in COMMANDS:
        assert page.count(f"\n## edge-gateway {name}\n") == 1


def test_the_reference_of_the_manifest_is_not_stale() -> None:
    page = (ROOT / "docs/manifest.md").read_text("utf-8")
    made = manifest_reference.reference(json.loads(SCHEMA_FILE.read_text("utf-8")))
    assert page == made, "run: edge-gateway model schema --markdown > docs/manifest.md"


def test_the_reference_of_the_manifest_tells_every_key_at_every_depth() -> None:
    schema = {
        "required": ["a"],
        "properties": {
            "a": {"type": "integer", "minimum": 1, "description": "one"},
            "b": {
                "type": "array",
                "description": "many | few",
                "items": {
                    "required": ["c"],
                    "properties": {"c": {"enum": ["x", "y"], "description": "which"}},
                },
            },
            "d": {
                "type": "object",
                "description": "by name",
                "patternProperties": {"^[a-z]+$": {"type": "number", "default": 3}},
            },
        },
    }
    page = manifest_reference.reference(schema)
    assert "| `a` | whole number from 1 | required | one |" in page
    assert "| [`b`](#b) | list |  | many \\| few |" in page
    assert "| `b[].c` | `x`, `y` | required | which |" in page
    assert "| `d.*` | number | `3` |  |" in page
