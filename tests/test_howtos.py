"""What the tutorial and the how-tos tell people to write and to type, written and typed."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from gateway import config
from gateway.cli.main import cli
from gateway.config.jsonschema import schema

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OURS = "# gateway.yaml\n"
SECRETS = re.compile(r"(?:\w+_file): ([\w./-]+)")
OTHERS = {
    *("apt", "systemctl", "journalctl", "install", "mosquitto_sub", "mosquitto_pub", "scp"),
    *("scripts/build-deb", "scripts/train_own", "pip", "curl", "echo", "promtool"),
}
"""What is called beside our own command."""


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT / "docs"))


def _blocks(page: Path, kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text()) if found == kind]


# -- what is written -----------------------------------------------------------------------------


def _joined(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A later block of a page adds to the file, or writes a key anew."""
    both = {key: below[key] for key in below if key not in above}
    for key, value in above.items():
        known = below.get(key)
        deeper = isinstance(value, dict) and isinstance(known, dict)
        both[key] = _joined(known, value) if deeper else value
    return both


def _written(page: Path, folder: Path) -> None:
    """Write the file of a page block by block; each state of it must load."""
    whole: dict[str, Any] = {}
    for block in _blocks(page, "yaml"):
        tree = yaml.safe_load(block)
        if not block.startswith(OURS):
            assert re.match(r"# [A-Z]", block), f"say whose file this is: {block}"
            continue
        whole = _joined(whole, tree)
        for name in SECRETS.findall(block):
            (folder / name).write_text("secret\n")
            (folder / name).chmod(0o600)
        _load(folder / "gateway.yaml", whole)


def _load(file: Path, tree: dict[str, Any]) -> None:
    """Its shape as it is; what it comes to, without models, which are not here."""
    jsonschema.validate(tree, schema())
    if "models" in tree:
        assets = {name: dict(one) for name, one in tree["assets"].items()}
        for one in assets.values():
            one.pop("running", None)
            one["verdicts"] = [rung for rung in one["verdicts"] if "model" not in rung]
        rest = {key: value for key, value in tree.items() if key != "models"}
        tree = rest | {"assets": assets}
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    config.load(file)


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_what_a_page_says_to_write_is_a_configuration(page: Path, tmp_path: Path) -> None:
    _written(page, tmp_path)


# -- what is typed -------------------------------------------------------------------------------


def _typed(page: Path) -> Iterator[str]:
    """Command lines: indented ones, without what is said beside them."""
    for line in BLOCK.sub("", page.read_text()).splitlines():
        if not line.startswith("    ") or " = " in line.partition("edge-gateway")[0]:
            continue
        words = re.split(r" {3,}", line.strip())[0]
        if re.match(r"(?:[\w./-]+/)?[a-z][\w-]* ", words):
            yield words.removeprefix("sudo -u edge-gateway ").removeprefix("sudo ")


def _parse(words: list[str]) -> None:
    """Parse as the command line does, down to the command that would run."""
    group: click.Command = cli
    context = cli.make_context("edge-gateway", list(words))
    while isinstance(group, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest and group.invoke_without_command:
            return
        name, found, rest = group.resolve_command(context, rest)
        assert found is not None
        assert name is not None
        group, context = found, found.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_what_a_page_says_to_type_can_be_typed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in _typed(page):
        if "edge-gateway" not in line.split()[0] and "|" not in line:
            assert {line.split()[0], *_after(line)} <= OTHERS | {"sudo"}, line
            continue
        words = shlex.split(line.rpartition("|")[2] if line.startswith("echo ") else line)
        assert words[0] == "edge-gateway", line
        for file in {"gateway.yaml", "wear.onnx", "plant.key"} & set(words):
            Path(file).touch()
        for folder in (word for word in words if word.startswith("models/")):
            Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            _parse(words[1:])
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")


def _after(line: str) -> set[str]:
    """The commands behind an &&."""
    return {part.split()[0] for part in line.split("&&")[1:]} - {"sudo"}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_messages_that_a_page_decodes_become_readings_of_its_file(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _written(page, tmp_path)
    for line in _typed(page):
        if not line.startswith("echo "):
            continue
        said, _, command = line.partition(" | ")
        done = CliRunner().invoke(cli, shlex.split(command)[1:], input=shlex.split(said)[1] + "\n")
        assert done.exit_code == 0, f"{line}\n{done.output}"
        lines = [json.loads(one) for one in done.stdout.splitlines()]
        assert [one for one in lines if one["kind"] == "reading" and one.get("asset")], done.stdout


# -- one page for each thing ---------------------------------------------------------------------


def test_every_bridge_has_a_how_to() -> None:
    from gateway import registry

    pages = {page.stem for page in PAGES}
    assert {kind for kind in registry.kinds("bridges") if kind not in pages} == set()


@pytest.mark.parametrize("page", [page for page in PAGES if "how-to" in _id(page)], ids=_id)
def test_every_how_to_is_listed(page: Path) -> None:
    listed = (ROOT / "docs/how-to/README.md").read_text()
    assert page.name == "README.md" or f"]({page.name})" in listed


def test_the_flow_for_node_red_holds_together() -> None:
    (block,) = _blocks(ROOT / "docs/how-to/node-red.md", "json")
    nodes = json.loads(block)
    ids = {node["id"] for node in nodes}
    assert len(ids) == len(nodes)
    wired = {to for node in nodes for wire in node.get("wires", ()) for to in wire}
    assert wired <= ids
    assert {node["broker"] for node in nodes if node["type"].startswith("mqtt ")} <= ids
    assert {node["z"] for node in nodes if "z" in node} <= ids


def test_the_flow_for_node_red_asks_as_the_gateway_understands() -> None:
    from gateway.core.topic_tree_list import TOPICS

    (block,) = _blocks(ROOT / "docs/how-to/node-red.md", "json")
    nodes = json.loads(block)
    shapes = [re.sub(r"<\w+>", "[^/]+", topic.name) for topic in TOPICS]
    heard = [node["topic"] for node in nodes if node["type"] == "mqtt in"]
    for topic in heard:
        below = topic.removeprefix("edge/workshop/").replace("+", "pump-7")
        assert any(re.fullmatch(shape, below) for shape in shapes), topic
    (button,) = [node for node in nodes if node["type"] == "inject"]
    assert json.loads(button["payload"])["hold"] is True
    assert [node["retain"] for node in nodes if node["type"] == "mqtt out"] == ["false"]
