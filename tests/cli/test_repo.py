"""``edge-gateway repo`` and ``update``, as an author and a user type them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.errors import ConfigError, GatewayError
from tests.models import heat
from tests.updates.plant import Plant


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)


def shown(pub: Path) -> dict[str, dict[str, object]]:
    tree = json.loads(run("repo", "show", pub, "--json").output)
    return {one["path"].split("-")[0]: one for one in tree["targets"]}


def test_an_author_makes_offers_and_changes_them(tmp_path: Path) -> None:
    pub = tmp_path / "pub"
    heat.package(tmp_path / "package", "1.3.0")
    (tmp_path / "sections.yaml").write_text("assets: {}\n")
    assert "root.json" in run("repo", "init", pub).output
    assert (tmp_path / "pub-keys" / "root-3.pem").is_file()
    words = ("--name", "heat", "--percent", 10, "--ring", "canary")
    assert "10 of 100, ring canary" in run("repo", "add", pub, tmp_path / "package", *words).output
    run("repo", "config", pub, tmp_path / "sections.yaml", "--for", "plant")
    run("repo", "config", pub, tmp_path / "sections.yaml", "--to-ring", "canary")
    run("repo", "percent", pub, "heat/1.3.0", 50)
    assert shown(pub)["models/heat/1.3.0"]["percent"] == 50
    run("repo", "halt", pub, "heat")
    assert shown(pub)["models/heat/1.3.0"]["halted"] is True
    run("repo", "halt", pub, "heat", "--resume")
    assert "halted" not in shown(pub)["models/heat/1.3.0"]
    assert "timestamp" in run("repo", "refresh", pub).output
    assert "targets: " in run("repo", "rotate", pub, "targets").output
    assert "models/heat/1.3.0" in run("repo", "show", pub).output
    run("repo", "remove", pub, "heat")
    assert sorted(shown(pub)) == ["config/gateway/plant.yaml", "config/ring/canary.yaml"]
    assert not list(pub.rglob("*.tar"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("init", "PUB"), "there is a repository already"),
        (("init", "NEW", "--threshold", 4), "a threshold of 4 with 3 keys"),
        (("init", "NEW", "--keys", "NEW/keys"), "must not lie in what is served"),
        (("percent", "PUB", "nothing", 5), "it means none"),
        (("rotate", "PUB", "root-9"), "there is no key root-9"),
        (("rotate", "PUB", "model-none"), "is no role"),
        (("add", "PUB", "PACKAGE", "--name", "heat", "--keys", "EMPTY"), "there is no key|keys"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: tuple[object, ...], said: str) -> None:
    heat.package(tmp_path / "PACKAGE", "1.3.0")
    (tmp_path / "EMPTY").mkdir()
    run("repo", "init", tmp_path / "PUB")
    places = {"PUB", "NEW", "PACKAGE", "EMPTY", "NEW/keys"}
    with pytest.raises(ConfigError, match=said):
        run("repo", *[tmp_path / str(word) if word in places else word for word in words])


def test_a_time_without_a_zone_is_asked_again(tmp_path: Path) -> None:
    heat.package(tmp_path / "package", "1.3.0")
    run("repo", "init", tmp_path / "pub")
    words = ("--name", "heat", "--not-before", "2026-12-01T00:00:00")
    result = run("repo", "add", tmp_path / "pub", tmp_path / "package", *words)
    assert result.exit_code == 2
    assert "no time zone" in result.output


def test_a_user_looks_and_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_GATEWAY_TRUST_CLOCK", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with Plant(tmp_path / "plant") as plant:
        plant.offer("1.1.0")
        looked = run("update", "--check", "--config", plant.file)
        assert "for this gateway" in looked.output
        assert plant.delivered() == ""
        said = json.loads(run("update", "--json", "--config", plant.file).output)
        assert (said["why"], plant.delivered()) == ("", "1.1.0")
        assert said["found"][-1].endswith(": delivered")
        plant.server.gone = True
        away = run("update", "--config", plant.file)
        assert away.exit_code == 1
        assert "the repository" in away.output
        plant.file.write_text(plant.file.read_text().replace("updates: {url", "update: {url"))
        with pytest.raises(GatewayError):
            run("update", "--config", plant.file)
