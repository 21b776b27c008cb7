"""Each recipe does what it promises: its configuration, in virtual time and in the real daemon."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.main import cli
from gateway.config.cases import load_cases
from gateway.core.verdicts import Mode
from gateway.daemon.casework import run_cases
from gateway.demo import recipe, rehearsal, tempo
from tests.demo.test_demo import left_behind, named

NAMES = recipe.names()
WANTED = {"pump-and-fan", "cold-chain", "irrigation", "heating", "energy-meter", "vital-signs"}
DEMO = [sys.executable, "-m", "gateway", "demo", "--json", "--recipe"]
AT_A_TIME = 3
"""They mostly wait; more of them would make each other late."""


def settings(name):
    return config.load(recipe.ROOM / name / "gateway.yaml")


def test_these_are_the_recipes():
    assert set(NAMES) == WANTED


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """By recipe: what comes of the real daemon on the simulated site; all are begun at once."""

    def play(name):
        folder = tmp_path_factory.mktemp(name)
        done = subprocess.run(
            [*DEMO, name, "--keep", str(folder)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, events, done.stderr, folder

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {name: pool.submit(play, name) for name in NAMES}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
class TestPlayed:
    def test_everything_promised_happens_and_nothing_else_is_commanded(self, played, name):
        code, events, err, folder = played[name].result()
        summary = events[-1]
        assert (code, summary["why"]) == (0, ""), err
        assert summary["kind"] == "summary"
        assert all(one["kept"] for one in summary["promises"])
        assert summary["readings"] > 0
        assert left_behind(folder) == []

    def test_the_screen_can_tell_it(self, played, name):
        _, events, _, _ = played[name].result()
        kinds = {event["kind"] for event in events}
        assert {"recipe", "happening", "site", "promise", "decision", "summary"} <= kinds
        assert not any("\x1b" in rehearsal_line(event) for event in events)
        assert "as promised" in rehearsal_line(events[-1])


def rehearsal_line(event):
    from gateway.demo import screen

    return screen.line(event, colours=False)


@pytest.mark.slow
def test_vital_signs_are_advised_and_never_acted_on(played):
    _, events, _, _ = played["vital-signs"].result()
    assert {event["mode"] for event in named(events, "decision")} == {"advise"}
    assert named(events, "command") == []


@pytest.mark.slow
def test_what_is_proved_is_proved_by_a_metric(played):
    for name in set(NAMES) - {"vital-signs"}:
        _, events, _, _ = played[name].result()
        proved = named(events, "command", state="confirmed")
        assert any(event["evidence"].startswith("proof") for event in proved), name


@pytest.mark.slow
def test_a_recipe_that_is_cut_short_fails_and_says_what_is_missing(tmp_path):
    done = subprocess.run(
        [*DEMO, "cold-chain", "--keep", str(tmp_path), "--duration", "1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert "the siren is decided: did not happen" in summary["why"]


@pytest.mark.parametrize("name", NAMES)
class TestFiles:
    def test_the_configuration_is_good(self, name):
        result = CliRunner().invoke(cli, ["check", str(recipe.ROOM / name / "gateway.yaml")])
        assert result.exit_code == 0, result.output
        assert "good" in result.output

    def test_its_cases_go_as_they_say(self, name):
        cases = load_cases(recipe.ROOM / name / "cases.yaml")
        results = run_cases(cases, models=True)
        assert not results.refused
        assert [(one.case.name, one.failures) for one in results.outcomes if one.failures] == []

    def test_the_site_has_the_devices_of_the_configuration_and_no_others(self, name):
        site = recipe.read(name)
        made = recipe.devices(site, recipe.world(site, 1))
        assets = settings(name).assets.values()
        used = {metric.device for asset in assets for metric in asset.metrics.values()}
        used |= {action.device for asset in assets for action in asset.actions.values()}
        names = {"zigbee2mqtt": "name"}
        there = {
            getattr(device, names.get(radio, "id")).removeprefix("vitals/")
            for radio, ones in made.items()
            for device in ones
        }
        assert used == there

    def test_what_it_is_printed_as_is_good_where_it_is_put(self, name, tmp_path):
        result = CliRunner().invoke(cli, ["demo", "--recipe", name, "--print-config"])
        (tmp_path / "printed.yaml").write_text(result.output)
        wanted = settings(name).assets.keys()
        assert config.load(tmp_path / "printed.yaml").assets.keys() == wanted
        start = ["demo", "--recipe", name, "--write", str(tmp_path)]
        assert CliRunner().invoke(cli, start).exit_code == 0
        assert (tmp_path / "gateway.yaml").read_text() == result.output
        assert load_cases(tmp_path / "cases.yaml").cases
        again = CliRunner().invoke(cli, start, catch_exceptions=True)
        assert "is there already" in str(again.exception)

    def test_it_is_rehearsed_on_the_same_file_at_another_pace(self, name, tmp_path):
        speed = recipe.read(name).speed
        file = recipe.ROOM / name / "gateway.yaml"
        address = {"host": "127.0.0.1", "port": 1, "protocol": "auto"}
        quick = config.load(tempo.rehearsed(file, tmp_path, speed=speed, **address))
        for asset, usual in settings(name).assets.items():
            hurried = quick.assets[asset]
            assert hurried.actions.keys() == usual.actions.keys()
            assert [str(rule.when) for rule in hurried.policy] == [
                str(rule.when) for rule in usual.policy
            ]
            for metric, slow in usual.metrics.items():
                stale_ms = hurried.metrics[metric].stale_ms
                assert stale_ms == pytest.approx(slow.stale_ms / speed, abs=1)
            if usual.fail_safe is not None:
                after_ms = hurried.fail_safe.after_ms
                assert after_ms == pytest.approx(usual.fail_safe.after_ms / speed, abs=1)


def test_the_vital_sign_watch_has_nothing_that_it_could_do():
    for asset in settings("vital-signs").assets.values():
        assert asset.actions == {}
        assert {rule.mode for rule in asset.policy} == {Mode.ADVISE}
        assert asset.fail_safe.mode is Mode.ADVISE


def test_what_is_left_of_a_freezer_without_readings_is_never_less_power():
    for asset in settings("cold-chain").assets.values():
        assert {action.device for action in asset.actions.values()} <= {"cold store/siren plug"}


def test_a_house_without_readings_is_heated():
    rooms = settings("heating").assets["rooms"]
    assert rooms.actions[rooms.fail_safe.action].set == {"state": "ON"}


def test_every_radio_of_a_recipe_is_there():
    for name in NAMES:
        assert recipe.read(name).site["devices"].keys() <= rehearsal.RADIOS.keys()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recipe", "nothing"], "there are cold-chain, energy-meter"),
        (["--print-config"], "need --recipe"),
        (["--recipe", "heating", "--plant-only"], "--plant-only is for"),
    ],
)
def test_options_that_do_not_go_together_are_told(options, said):
    result = CliRunner().invoke(cli, ["demo", *options])
    assert result.exit_code == 2
    assert said in result.output


def test_the_list_names_them_all():
    result = CliRunner().invoke(cli, ["demo", "--list"])
    assert [line.split()[0] for line in result.output.splitlines()] == NAMES


def test_every_recipe_has_its_section_in_the_docs():
    page = (Path(__file__).parents[2] / "docs/recipes.md").read_text()
    assert set(NAMES) <= set(re.findall(r"^## (.+)$", page, re.MULTILINE))
