"""The files in config/ and the documents made from the models."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import registry
from gateway.config import load
from gateway.config.editors import schema, text
from gateway.config.modeline import MODELINE, NAME
from gateway.config.reference import reference

ROOT = Path(__file__).parents[2]
SAMPLES = [one for one in sorted((ROOT / "config").glob("*.yaml")) if ".test." not in one.name]
SCHEMA = schema()


def errors(value: Any, rule: Any, place: str = "") -> list[str]:  # noqa: PLR0911 - a table
    """Hold a value against a JSON Schema: the words that ours uses, and no more."""
    if rule is True or not rule:
        return []
    if "$ref" in rule:
        return errors(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]], place)
    for word in ("anyOf", "oneOf"):
        if word in rule:
            tried = [errors(value, one, place) for one in rule[word]]
            return [] if [] in tried else min(tried, key=len)
    if "const" in rule or "enum" in rule:
        return [] if value in rule.get("enum", [rule.get("const")]) else [f"{place}: {value!r}"]
    kinds = {"string": str, "object": dict, "array": list, "boolean": bool, "integer": int,
             "number": (int, float)}  # fmt: skip
    if "type" in rule and not isinstance(value, kinds[rule["type"]]):
        return [f"{place}: {value!r} is no {rule['type']}"]
    if isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        return [f"{place}: {value!r} does not match {rule['pattern']}"]
    if isinstance(value, list):
        return [error for one in value for error in errors(one, rule.get("items", {}), place)]
    return members(value, rule, place) if isinstance(value, dict) else []


def members(value: dict[str, Any], rule: Any, place: str) -> list[str]:
    found = [f"{place}: {key} is missing" for key in rule.get("required", ()) if key not in value]
    for key, item in value.items():
        ways = [rule.get("properties", {}).get(key)]
        ways += [
            one for way, one in rule.get("patternProperties", {}).items() if re.search(way, key)
        ]
        known = next((way for way in ways if way is not None), rule.get("additionalProperties"))
        if known is False:
            found.append(f"{place}: unknown key {key}")
        else:
            found += errors(item, known or {}, f"{place}/{key}")
    return found


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample_loads(file: Path) -> None:
    assert load(file).assets


class Tagged(yaml.SafeLoader):
    """Reads a tag as an editor does: what it stands before is a text."""


for tag in ("!include", "!env", "!credential"):
    Tagged.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_an_editor_finds_nothing_wrong_in_a_sample(file: Path) -> None:
    assert errors(yaml.load(file.read_text("utf-8"), Tagged), SCHEMA) == []


def test_an_editor_finds_what_is_wrong() -> None:
    tree = yaml.safe_load((ROOT / "config/json.yaml").read_text("utf-8"))
    tree["sources"]["plc"]["topik"] = "x"
    tree["assets"]["press-4"]["metrics"]["oil"]["stale"] = 5
    del tree["gateway"]
    assert len(errors(tree, SCHEMA)) == 3


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_no_sample_acts_as_it_is(file: Path) -> None:
    for asset in load(file).assets.values():
        assert all(rule.mode != "act" for rule in asset.policy)
        assert asset.fail_safe is None or asset.fail_safe.mode != "act"


def test_every_bridge_has_a_sample() -> None:
    used = {source.kind for file in SAMPLES for source in load(file).sources.values()}
    assert used == set(registry.kinds("bridges"))
    assert set(registry.kinds("bridges")) <= {file.stem for file in SAMPLES}


def test_the_schema_is_json_and_describes_every_key() -> None:
    json.dumps(SCHEMA, allow_nan=False)
    for name, section in SCHEMA["$defs"].items():
        for key, entry in section.get("properties", {}).items():
            assert entry.get("description"), f"{name}.{key} has no docstring"
            assert "title" not in entry


def test_defaults_are_written_as_a_user_would() -> None:
    keys = SCHEMA["$defs"]["BrokerSection"]["properties"]
    assert keys["keepalive"]["default"] == "15s"
    assert SCHEMA["$defs"]["LimitsSection"]["properties"]["worker_memory"]["default"] == "512MiB"
    assert SCHEMA["$defs"]["PolicySection"]["properties"]["for"]["default"] == "1 of 1"


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_every_sample_names_the_schema_in_its_first_line(file: Path) -> None:
    assert file.read_text("utf-8").splitlines()[0] == MODELINE
    assert (file.parent / NAME).is_file()


def test_the_schema_for_editors_is_not_stale() -> None:
    run = f"run: edge-gateway config schema > config/{NAME}"
    assert (ROOT / "config" / NAME).read_text("utf-8") == text(), run


def test_an_editor_takes_tags_only_where_they_make_sense() -> None:
    tree = yaml.safe_load((ROOT / "config/json.yaml").read_text("utf-8"))
    good = {"assets": "parts/assets.yaml", "store": {"max_bytes": "STORE_SIZE 2GiB"}}
    assert errors(tree | good, SCHEMA) == []
    assert len(errors(tree | {"assets": "parts", "store": {"max_bytes": "large"}}, SCHEMA)) == 2


def test_the_reference_is_not_stale() -> None:
    page = (ROOT / "docs/configuration.md").read_text("utf-8")
    assert page == reference(), "run: edge-gateway config reference > docs/configuration.md"
