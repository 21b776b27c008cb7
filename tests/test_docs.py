"""What the docs claim is so."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway import __version__, config
from gateway.cli.main import COMMANDS, cli
from gateway.core import topic_tree
from gateway.core.assets import Asset
from gateway.core.commands import TRANSITIONS, Command
from gateway.core.latest import Latest
from gateway.core.messages import Reason
from gateway.core.policy import Alert, Policy
from gateway.core.topic_tree_list import TOPICS as TABLE
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.core.watch import Watch

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text()
TOPICS = (ROOT / "docs/topics.md").read_text()
TROUBLE = (ROOT / "docs/troubleshooting.md").read_text()

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _ids(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


# -- the README ----------------------------------------------------------------------------------


def test_the_first_configuration_loads_and_sends_nothing(tmp_path: Path) -> None:
    (block,) = (text for kind, text in BLOCK.findall(README) if kind == "yaml")
    file = tmp_path / "first.yaml"
    file.write_text(block)
    asset = config.load(file).assets["pump-7"]
    assert [rule.mode for rule in asset.policy] == [Mode.ADVISE]


def test_the_readme_names_scripts_that_are_there() -> None:
    for page in PAGES:
        for name in re.findall(r"(?<![\w/.])(scripts/[\w-]+)(?![\w/.])", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_what_it_is_takes_three_sentences() -> None:
    first = README.split("\n\n")[1]
    assert len(re.findall(r"\.(?=\s|$)", first)) == 3


# -- commands ------------------------------------------------------------------------------------


def _spoken() -> Iterator[tuple[str, str]]:
    """Every ``edge-gateway ...`` of the docs, up to the end of its line or its backticks."""
    for page in PAGES:
        for words in re.findall(r"(?<![\w/-])edge-gateway ([a-z-][^`\n]*)", page.read_text()):
            yield page.name, words


def _command(words: list[str]) -> click.Command | None:
    with click.Context(cli) as context:
        command = cli.get_command(context, words[0]) if words[0] in COMMANDS else None
    if isinstance(command, click.Group):
        return command.commands.get(words[1]) if len(words) > 1 else command
    return command


def test_every_option_shown_belongs_to_its_command() -> None:
    wrong = []
    for page, words in _spoken():
        command = _command(words.split())
        if command is None:
            continue
        shown = {flag.rstrip(":,;)") for flag in words.split("|")[0].split() if flag[:2] == "--"}
        known = {"--help"} | {
            flag for option in command.params for flag in (*option.opts, *option.secondary_opts)
        }
        wrong += [f"{page}: edge-gateway {words}"] if shown - known else []
    assert wrong == []


def test_commands_in_backticks_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`edge-gateway ([a-z-]+)", page.read_text()):
            assert name in COMMANDS, f"{page.name}: edge-gateway {name}"


# -- pages ---------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    """The anchors of headings, as they are made from their text, and those in rows of tables."""
    rows = set(re.findall(r'<a id="([^"]+)"></a>', page.read_text()))
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return rows | {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=_ids(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=_ids(PAGES))
def test_json_in_the_docs_is_json(page: Path) -> None:
    for kind, text in BLOCK.findall(page.read_text()):
        if kind == "json":
            json.loads(text)


def test_every_decision_is_listed_and_has_a_number_of_its_own() -> None:
    names = [file.name for file in sorted((ROOT / "docs/decisions").glob("*.md"))]
    listed = (ROOT / "docs/architecture.md").read_text()
    assert [name for name in names if f"(decisions/{name})" not in listed] == []
    assert len({name[:4] for name in names}) == len(names)


def test_the_changelog_has_this_version() -> None:
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_is_the_same_everywhere() -> None:
    assert f"\nversion = {__version__}\n" in (ROOT / "setup.cfg").read_text()
    assert f"Version {__version__}" in README


# -- what is published ---------------------------------------------------------------------------


def test_every_published_topic_is_documented_as_the_table_has_it() -> None:
    """That nothing else is published, tests/daemon/test_topics.py shows."""
    row = r"^\| `([^`]+)` \| (yes|no) \| ([01]) \|"
    documented = {
        (re.sub(r"<\w+>", "<>", name), kept == "yes", int(qos))
        for name, kept, qos in re.findall(row, TOPICS, re.MULTILINE)
        if not name.startswith("request/")
    }
    assert documented == {
        (re.sub(r"<\w+>", "<>", topic.name), topic.retained, topic.qos) for topic in TABLE
    }


def _section(title: str) -> dict[str, object]:
    """The example document below a heading of docs/topics.md."""
    (section,) = (part for part in TOPICS.split("\n## ") if part.startswith(title + "\n"))
    found: dict[str, object] = json.loads(BLOCK.findall(section)[0][1])
    return found


VERDICT = Verdict("pump-7", at_ms=1, mono_ms=1, rung="rule:1", label="alarm")
DECISION = Decision("d", "pump-7", "pump-7/policy/0", "raised", Mode.ACT, "stop", VERDICT)
ALERTS = [(Alert("d", "alarm", 1), None)]
ORDER = Command("c", "d", "pump-7", "stop", "zigbee", "plug", {}, 1, 2, 1, 2, 3, "boot")


def _watch() -> Watch:
    asset = Asset("pump-7", "Pump", {})
    return Watch(asset, Latest({}, {}), Policy(asset, lambda: "id"), {}, 0)


def test_the_example_documents_have_the_keys_that_are_published() -> None:
    assert list(_section("asset/&lt;id&gt;/decision")) == list(topic_tree.decision(DECISION, 1))
    assert list(_section("asset/&lt;id&gt;/alert")) == list(topic_tree.alert("pump-7", ALERTS, 1))
    assert list(_section("asset/&lt;id&gt;/command")) == list(topic_tree.command(ORDER, 1))
    assert list(_section("asset/&lt;id&gt;/state")) == list(topic_tree.asset_state(_watch(), 1, 1))


def test_the_example_of_health_has_the_keys_that_are_published() -> None:
    text = (ROOT / "gateway/daemon/health.py").read_text()
    (parts,) = (
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    )
    keys = [key.value for key in parts.keys if isinstance(key, ast.Constant)]
    assert list(_section("health")) == ["v", "ts", "state", *keys]


# -- the state table, the log, the reasons -------------------------------------------------------


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rows = [
        f"| `{state}` | {', '.join(f'{what} -> `{to}`' for what, to in steps.items())} |"
        for state, steps in TRANSITIONS.items()
    ]
    table = "\n".join(rows).replace("|  |", "| |")
    assert f"| state | step -> next state |\n|---|---|\n{table}\n\n" in page


def _logged() -> Iterator[str]:
    for file in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
                and node.func.attr in ("debug", "info", "warning", "error", "critical")
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value)


def test_every_log_event_is_explained_and_every_explained_one_exists() -> None:
    section = TROUBLE.split("## Log events")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z].*?) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(_logged())


def test_log_events_are_snake_case_and_more_than_one_word() -> None:
    assert [event for event in _logged() if not re.fullmatch(r"[a-z]+(_[a-z]+)+", event)] == []


OF_CLOUDS = {"batches.py", "batch_answers.py", "positions.py"}
"""What is read there came from a cloud, or from ourselves: no message, and never a reject."""


def _raised(error: str) -> set[str]:
    found: set[str] = set()
    for room in ("core", "bridges"):
        for file in (ROOT / "gateway" / room).rglob("*.py"):
            if file.name not in OF_CLOUDS:
                found |= set(re.findall(rf"{error}\(\s*\"([a-z_0-9]+)\"", file.read_text()))
    return found


def _explained(title: str) -> set[str]:
    section = TROUBLE.split(f"## {title}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", " ".join(rows)))


def test_every_reject_reason_is_explained() -> None:
    reasons = _raised("DecodeError") | _raised("Reject")
    assert reasons == _explained("Why a message was rejected")


def test_every_refusal_is_explained() -> None:
    assert _raised("EncodeError") - _explained("Why a command was refused") == set()


def test_every_reason_of_a_reading_is_explained_with_its_quality() -> None:
    for reason in Reason:
        assert f"| `{reason}` | {reason.quality} |" in TROUBLE


# -- the whole tree ------------------------------------------------------------------------------


def test_the_tree_names_no_machine_of_its_makers() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    mine = re.compile(rb"(?<![\w.])/(?:work|root|home)/\w+")
    allowed = {"scripts/install", "systemd/edge-gateway.service", "tests/test_docs.py"}
    # Homes inside the root file systems that these make.
    allowed |= {"tests/systemd/test_machine.py", "tests/systemd/test_package.py"}
    found = [
        name
        for name in listed.stdout.decode().split("\0")
        if name
        and name not in allowed
        and (ROOT / name).is_file()
        and mine.search((ROOT / name).read_bytes())
    ]
    assert found == []


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_map_of_the_daemon_names_every_file_of_it_once() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.split("## Inside the daemon")[1].split("\n## ")[0]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|(.*)\|$", table, re.MULTILINE)))
    files = {file.stem for file in (ROOT / "gateway/daemon").glob("[a-z]*.py")}
    assert sorted(one for one in named if one != "gateway/daemon") == sorted(files)
