"""``config show --origin``: every value, and the line, variable or credential it is from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.config import command
from gateway.config import delivery
from gateway.config.loader import load_document
from gateway.config.origins import Value, values
from gateway.config.tree import plain
from tests.config.samples import GOOD, written
from tests.fakes.mutations import SAMPLES

HUSH = "hunter2-of-the-plant"


def origins(file: Path) -> dict[str, tuple[str, str]]:
    """Key -> (text, origin with the file's name only)."""
    folder = f"{file.parent}/"
    return {one.key: (one.text, str(one.origin).replace(folder, "")) for one in values(file)}


def line(text: str) -> int:
    """Where it is in the good file."""
    return GOOD[: GOOD.index(text)].count("\n") + 1


@pytest.fixture
def parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with everything that a value may come from."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/user").write_text(HUSH + "\n")
    (tmp_path / "credentials/mqtt.secret").write_text(HUSH + "\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("PLANT_HOST", "broker.plant")
    monkeypatch.setenv("PLANT_TOKEN", "91m")
    (tmp_path / "store.yaml").write_text("\nmax_bytes: 1GiB\nkeep: {readings: 30d}\n")
    text = GOOD.replace("host: localhost", "host: !env PLANT_HOST, port: !env PLANT_PORT 2883")
    text = text.replace("username: pumps@ttn", "username: !credential user")
    text = text.replace("password_file: ttn.secret", "password_file: !credential mqtt.secret")
    text = text.replace("stale: 15m", "stale: !env PLANT_TOKEN")
    store = GOOD[GOOD.index("store:") : GOOD.index("log:")]
    return written(tmp_path, text.replace(store, "store: !include store.yaml\n"))


def test_every_value_says_where_it_comes_from(parted: Path) -> None:
    found = origins(parted)
    assert found["gateway.id"] == ("plant-north", "plant.yaml:1")
    assert found["brokers.local.host"] == ("broker.plant", "environment PLANT_HOST (plant.yaml:3)")
    assert found["brokers.local.port"] == ("2883", "plant.yaml:3, as PLANT_PORT is not set")
    assert found["brokers.ttn.port"] == ("8883", "default")
    assert found["brokers.ttn.username"] == ("********", "credential user (plant.yaml:4)")
    assert found["brokers.ttn.password_file"] == (
        str(parted.parent / "credentials/mqtt.secret"),
        "credential mqtt.secret (plant.yaml:4)",
    )
    assert found["store.max_bytes"] == ("1GiB", "store.yaml:2")
    assert found["store.keep.readings"] == ("30d", "store.yaml:3")
    assert found["store.keep.audit"][1] == "default"
    assert found["assets.pump-7.metrics.power.stale"][0] == "********"
    assert found["assets.pump-7.metrics.power.range[1]"] == ("4000", f"plant.yaml:{line('power:')}")
    assert found["assets.pump-7.policy[0].for"] == ("3 of 5", f"plant.yaml:{line('3 of 5')}")
    assert found["assets.pump-7.actions.stop.set.state"][1] == f"plant.yaml:{line('set: {st')}"
    assert found["limits.worker_memory"] == ("512MiB", "default")
    assert found["log.recorder"][0].endswith("KiB")


def test_a_received_section_is_named_as_such(tmp_path: Path) -> None:
    more = "updates:\n  url: https://example.org/x\n  root: root.json\n  config: {may: [limits]}\n"
    file = written(
        tmp_path, GOOD.replace("{max_bytes", f"{{path: {tmp_path}/g.db, max_bytes") + more
    )
    (tmp_path / "root.json").write_text("{}")
    settings, _ = load_document(file)
    assert settings.updates is not None
    received = delivery.configuration(settings.updates.folder)
    received.parent.mkdir(parents=True)
    received.write_text("\nlimits: {batch: 40ms, commands_per_minute: 3}\n")
    found = origins(file)
    assert found["limits.batch"] == ("40ms", "received, updates/config/current.yaml:2")
    assert found["limits.commands_per_minute"][0] == "3"
    assert found["limits.batch_messages"] == ("256", "default")
    assert found["gateway.id"] == ("plant-north", "plant.yaml:1")


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_every_word_of_a_sample_is_shown_with_its_line(file: Path) -> None:
    found: dict[tuple[object, ...], Value] = {one.place: one for one in values(file)}
    _, doc = load_document(file)
    leaves = dict(_leaves(plain(doc.root), ()))
    assert {place: found[place].text for place in leaves} == leaves
    for place in leaves:
        one = found[place]
        assert one.text in Path(one.origin.file).read_text().splitlines()[one.origin.line - 1]
    assert all(one.text for one in found.values())


def _leaves(node: object, place: tuple[object, ...]) -> list[tuple[tuple[object, ...], str]]:
    if isinstance(node, dict):
        return [one for key, item in node.items() for one in _leaves(item, (*place, key))]
    if isinstance(node, list):
        return [one for at, item in enumerate(node) for one in _leaves(item, (*place, at))]
    return [] if node is None else [(place, str(node))]


def test_the_command_shows_no_secret(parted: Path) -> None:
    run = CliRunner()
    for flags in ([], ["--json"], ["--origin"], ["--origin", "--json"]):
        done = run.invoke(command, ["show", *flags, str(parted)])
        assert done.exit_code == 0, done.output
        assert HUSH not in done.output
        assert "91m" not in done.output
        assert "broker.plant" in done.output
    told = json.loads(run.invoke(command, ["show", "--origin", "--json", str(parted)]).output)
    host = next(one for one in told if one["key"] == "brokers.local.host")
    assert host == {
        "key": "brokers.local.host",
        "value": "broker.plant",
        "origin": {"kind": "environment", "file": str(parted), "line": 3, "name": "PLANT_HOST"},
    }
