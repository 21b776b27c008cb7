"""Visits to an honest repository: what is taken, by whom, when, and what it costs."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.updates import Terms
from gateway.models import signature
from gateway.updates import offers
from gateway.updates.author import Author
from gateway.updates.keyring import Keyring
from tests.fakes import https
from tests.fakes.daemon import ROOT
from tests.models import heat
from tests.updates.plant import FILE, Plant


@pytest.fixture
def plant(tmp_path: Path):
    with Plant(tmp_path / "plant") as plant:
        yield plant


def test_a_version_is_delivered_and_nothing_new_costs_two_requests(plant: Plant) -> None:
    plant.offer("1.1.0")
    said = plant.visit()
    assert said["why"] == ""
    assert plant.delivered() == "1.1.0"
    assert plant.told() == ["update_offered", "update_downloaded", "update_delivered"]
    said = plant.visit()
    assert [one.rpartition("/")[2] for one in plant.server.asked] == [
        "2.root.json",
        "timestamp.json",
    ]
    assert (said["requests"], plant.told()[3:]) == (2, [])
    assert said["bytes"] < 1_000


def test_a_look_takes_nothing(plant: Plant) -> None:
    plant.offer("1.1.0")
    said = plant.visit(dry=True)
    assert said["found"][0].endswith(": for this gateway")
    assert plant.delivered() == ""
    assert plant.told() == []


def test_the_process_says_what_it_found_and_ends(plant: Plant) -> None:
    plant.offer("1.1.0")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.updates", str(plant.file)],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["why"]) == (0, "")
    assert plant.delivered() == "1.1.0"
    plant.server.gone = True
    done = subprocess.run(
        [sys.executable, "-m", "gateway.updates", str(plant.file)],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert plant.delivered() == "1.1.0"


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (Terms(percent=0), "for 0 of 100, this is number"),
        (Terms(ring="plant"), "for ring plant"),
        (Terms(not_before="2099-01-01T00:00:00Z"), "not before 2099-01-01T00:00:00.000Z"),
        (Terms(min_gateway="99.1"), "needs gateway 99.1, this is"),
        (Terms(halted=True), "halted"),
    ],
)
def test_what_is_for_others_is_not_taken(plant: Plant, terms: Terms, why: str) -> None:
    plant.offer("1.1.0", terms=terms)
    said = plant.visit()
    assert why in said["found"][0]
    assert plant.delivered() == ""
    offers.change(plant.author(), "heat", lambda _: Terms(ring="canary", min_gateway="0.0.1"))
    plant.visit()
    assert plant.delivered() == "1.1.0"


def test_the_newest_that_may_be_taken_is_taken(plant: Plant) -> None:
    plant.offer("1.1.0")
    plant.offer("1.2.0", 92.0, terms=Terms(percent=0))
    plant.visit()
    assert plant.delivered() == "1.1.0"
    offers.change(plant.author(), "1.2.0", lambda terms: replace(terms, percent=100))
    plant.visit()
    assert plant.delivered() == "1.2.0"
    plant.visit()
    assert plant.delivered() == "1.2.0"


def test_a_halt_withdraws_what_is_on_trial_and_a_resume_brings_it_back(plant: Plant) -> None:
    plant.offer("1.1.0")
    plant.visit()
    offers.change(plant.author(), "1.1.0", lambda terms: replace(terms, halted=True))
    plant.visit()
    assert plant.delivered() == ""
    assert plant.told()[-1] == "update_withdrawn"
    offers.change(plant.author(), "1.1.0", lambda terms: replace(terms, halted=False))
    plant.visit()
    assert plant.delivered() == "1.1.0"


def test_less_percent_takes_nothing_back_and_removing_does(plant: Plant) -> None:
    plant.offer("1.1.0")
    plant.visit()
    offers.change(plant.author(), "1.1.0", lambda terms: replace(terms, percent=0))
    plant.visit()
    assert plant.delivered() == "1.1.0"
    offers.remove(plant.author(), "1.1.0")
    plant.visit()
    assert plant.delivered() == ""


def test_a_download_goes_on_where_it_stopped(plant: Plant) -> None:
    sha256 = plant.offer("1.1.0")
    size = plant.target(sha256).stat().st_size
    plant.server.faults[".tar"] = https.cut
    assert "cut off" in plant.visit()["why"]
    plant.server.faults.clear()
    assert plant.visit()["why"] == ""
    assert plant.server.ranges == [f"bytes={size // 2}-"]
    assert plant.server.sent < size // 2 + 1_000
    assert plant.delivered() == "1.1.0"


def test_without_room_nothing_is_downloaded(plant: Plant) -> None:
    plant.offer("1.1.0")
    text = plant.file.read_text()
    plant.file.write_text(text.replace("min_free_bytes: 1MiB", "min_free_bytes: 900000GiB"))
    assert "must stay free" in plant.visit()["why"]
    assert not any(one.endswith(".tar") for one in plant.server.asked)
    plant.file.write_text(text)
    assert plant.visit()["why"] == ""


def test_what_was_refused_is_not_tried_again(plant: Plant) -> None:
    plant.offer_package(heat.package(plant.folder / "chill", "9.9.9", id="chill"))
    assert "refused" in plant.visit()["found"][-1]
    said = plant.visit()
    assert "it is 'chill'" in said["found"][0]
    assert not any(one.endswith(".tar") for one in plant.server.asked)
    assert plant.told().count("update_refused") == 1


# -- keys ----------------------------------------------------------------------------------------


def test_rotated_keys_are_followed_by_old_gateways_and_by_new_ones(plant: Plant) -> None:
    plant.offer("1.1.0")
    plant.visit()
    for name in ("root-2", "targets", "snapshot", "timestamp", "model-heat", "root-1"):
        offers.rotate(plant.author(), name)
    plant.offer("1.2.0", 92.0)
    assert plant.visit()["why"] == ""
    assert plant.delivered() == "1.2.0"
    shutil.rmtree(plant.state)
    assert plant.visit()["why"] == ""
    assert plant.delivered() == "1.2.0"


def test_a_root_needs_two_of_its_keys(plant: Plant) -> None:
    few = plant.folder / "few"
    few.mkdir()
    for name in ("root-1", "targets", "snapshot", "timestamp"):
        shutil.copy(plant.keys / f"{name}.pem", few)
    with pytest.raises(Exception, match="root"):
        offers.rotate(plant.author(keys=few), "targets")
    assert sorted(file.name for file in few.iterdir()) == [
        *("root-1.pem", "snapshot.pem", "targets.pem", "timestamp.pem"),
    ]
    shutil.copy(plant.keys / "root-3.pem", few)
    offers.rotate(plant.author(keys=few), "targets")
    assert plant.visit()["why"] == ""


def test_keys_are_the_owner_s_alone_and_may_be_locked(tmp_path: Path) -> None:
    author = Author(tmp_path / "pub", Keyring([tmp_path / "keys"], b"open, sesame"), 1)
    offers.begin(author, 1, 1)
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}
    assert b"ENCRYPTED" in (tmp_path / "keys" / "targets.pem").read_bytes()
    with pytest.raises(Exception, match="passphrase"):
        Keyring([tmp_path / "keys"])
    assert Keyring([tmp_path / "keys"], b"open, sesame").named("targets")
    (tmp_path / "keys" / "targets.pem").chmod(0o644)
    with pytest.raises(Exception, match="others can read it"):
        Keyring([tmp_path / "keys"], b"open, sesame")


def test_a_refresh_keeps_a_repository_from_expiring(plant: Plant) -> None:
    plant.offer("1.1.0")
    plant.author(days_ago=25).refresh()
    author = plant.author(days_ago=25)
    author.do_snapshot(force=True)
    author.do_timestamp(force=True)
    assert "expired" in plant.visit()["why"]
    assert plant.author().refresh() == ["snapshot", "timestamp"]
    assert plant.visit()["why"] == ""
    assert plant.delivered() == "1.1.0"


# -- configuration -------------------------------------------------------------------------------

LOUD = FILE.partition("assets:")[2].replace("> 90", "> 80")
ASSETS = f"assets:{LOUD}"


def test_a_configuration_is_put_in_force_on_trial(plant: Plant) -> None:
    plant.offer_config(ASSETS)
    assert plant.visit()["why"] == ""
    assert "> 80" in plant.configured()
    assert plant.told()[-1] == "update_applied"
    trial = json.loads((plant.state / "config" / "trial.json").read_text())
    assert trial["starts"] == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("assets: [", "not YAML"),
        ("updates: {url: 'https://evil.example', root: r}", "may does not list 'updates'"),
        ("brokers: {local: {host: evil}}", "may does not list 'brokers'"),
        ("gateway: {id: other}", "may does not list 'gateway'"),
        ("store: {path: /tmp/other.db}", "may does not list 'store'"),
        (ASSETS.replace("probe, unit", "probe, unitt"), "unknown key 'unitt'"),
        (ASSETS.replace("mode: advise", "mode: act"), "a policy for stop in mode act is new"),
        (ASSETS.replace('"OFF"', '"ON"'), "action stop is new, or another one"),
        (ASSETS.replace("stop:\n", "go:\n").replace("do: stop", "do: go"), "action go is new"),
        (ASSETS.replace("model: heat", "model: cold"), "unknown model 'cold'"),
        ("models: {heat: {package: OLD}}", "outside the folder of the gateway's file"),
        ("models: {heat: {package: old/../../gateway/../gateway/../old}}", "manifest.json"),
    ],
)
def test_a_configuration_that_is_wrong_or_wider_is_refused(
    plant: Plant, text: str, why: str
) -> None:
    shutil.copytree(plant.gateway / "old", plant.folder / "elsewhere")
    plant.offer_config(text.replace("OLD", str(plant.folder / "elsewhere")))
    found = plant.visit()["found"][-1]
    assert "refused" in found
    assert why in found
    assert plant.configured() == ""
    plant.offer_config(ASSETS)
    plant.visit()
    assert "> 80" in plant.configured()


def test_with_act_it_may_widen_what_is_done(plant: Plant) -> None:
    plant.write(config="config: {may: [assets, act]}")
    plant.offer_config(ASSETS.replace("mode: advise", "mode: act"))
    plant.visit()
    assert "mode: act" in plant.configured()


def test_it_may_not_do_without_the_house_s_signature_even_with_act(plant: Plant) -> None:
    keys = signature.generate()
    signature.write(keys, plant.gateway / "house.key", plant.gateway / "house.pub")
    manifest = (plant.gateway / "old" / "manifest.json").read_bytes()
    signed = signature.sign(manifest, plant.gateway / "house.key")
    (plant.gateway / "old" / "manifest.sig").write_bytes(signed)
    text = plant.write(config="config: {may: [models, act]}")
    plant.file.write_text(text.replace("package: old,", "package: old, trust: house.pub,"))
    plant.offer_config("models: {heat: {package: old}}")
    assert "its trust is gone" in plant.visit()["found"][-1]
    plant.offer_config("models: {heat: {package: old, trust: house.pub, keep: 3}}")
    plant.visit()
    assert "keep: 3" in plant.configured()


def test_a_ring_s_configuration_gives_way_to_a_gateway_s_own(plant: Plant) -> None:
    plant.offer_config(ASSETS.replace("> 80", "> 70"), "ring/canary")
    plant.offer_config(ASSETS.replace("> 80", "> 60"), "ring/other")
    plant.visit()
    assert "> 70" in plant.configured()
    (plant.state / "config" / "trial.json").unlink()
    plant.offer_config(ASSETS)
    plant.visit()
    assert "> 80" in plant.configured()


def test_where_nothing_is_asked_for_nothing_is_taken(plant: Plant) -> None:
    plant.write(model="false", config="config: {may: assets}")
    plant.offer("1.1.0")
    plant.visit()
    assert plant.delivered() == ""
    plant.write(config="timeout: 1m")
    plant.offer_config(ASSETS)
    plant.visit()
    assert (plant.delivered(), plant.configured()) == ("1.1.0", "")


def test_only_one_visit_at_a_time(plant: Plant) -> None:
    from gateway.updates.record import locked

    with locked(plant.state, "visit", wait=False):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.updates", str(plant.file)],
            capture_output=True,
            check=False,
            cwd=ROOT,
        )
    assert json.loads(done.stdout)["why"] == "another visit is under way"
