"""The whole job: the real daemon, a real broker, the simulated plant, and a stopped pump."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.demo.broker import mosquitto
from tests.fakes.waiting import wait_until

DEMO = [sys.executable, "-m", "gateway", "demo", "--json"]


def start(folder, *arguments):
    return subprocess.Popen(
        [*DEMO, "--keep", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left_behind(folder):
    """Processes that still have something to do with a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "run" in words and any(word.startswith(str(folder)) for word in words):
            found.append(words)
    return found


def named(events, kind, **wanted):
    return [
        event
        for event in events
        if event["kind"] == kind and all(event.get(key) == wanted[key] for key in wanted)
    ]


@pytest.fixture(
    scope="module",
    params=[pytest.param("mosquitto", marks=pytest.mark.broker), "amqtt"],
)
def told(request, tmp_path_factory):
    if request.param == "mosquitto" and mosquitto() is None:
        pytest.skip("needs mosquitto")
    folder = tmp_path_factory.mktemp("demo")
    process = start(folder, "--duration", "36", "--speed", "3", "--broker", request.param)
    out, err = process.communicate(timeout=120)
    events = [json.loads(line) for line in out.splitlines()]
    return process.returncode, events, err, folder


@pytest.mark.slow
class TestStory:
    def test_it_ends_well_and_says_so(self, told):
        code, events, err, _ = told
        assert (code, events[-1]["why"]) == (0, ""), err
        assert events[-1]["kind"] == "summary"

    def test_wear_decision_command_echo_and_proof_come_in_this_order(self, told):
        _, events, _, _ = told
        steps = [
            named(events, "plant", event="wear_began"),
            named(events, "decision", event="raised", asset="pump-7"),
            named(events, "command", state="sent"),
            named(events, "command", state="accepted"),
            named(events, "command", state="confirmed"),
            named(events, "plant", event="stopped"),
        ]
        assert all(steps)
        places = [events.index(step[0]) for step in steps]
        assert places == sorted(places)

    def test_the_model_decided_long_before_the_rule_would_have(self, told):
        summary = told[1][-1]
        (decision,) = named(told[1], "decision", event="raised")
        assert decision["rung"] == "model:pump-anomaly"
        assert summary["rule_would_have_fired_at_s"] > summary["decided_at_s"]
        assert summary["wear_at_decision"] < summary["wear_at_rule"]

    def test_the_command_was_sent_once_and_proved_by_the_power(self, told):
        sent = named(told[1], "command", state="sent")
        assert len(sent) == 1
        assert sent[0]["device"] == "plant/line 3/pump plug"
        assert told[1][-1]["evidence"].startswith("proof")

    def test_noise_was_made_and_survived(self, told):
        summary = told[1][-1]
        assert summary["rejects"] == summary["noise"]["malformed"]
        assert summary["duplicates"] == summary["noise"]["duplicate"]
        assert summary["readings"] > 100

    def test_everything_is_kept_where_it_was_asked_to_be(self, told):
        folder = told[3]
        names = {path.name for path in folder.iterdir()}
        assert {"demo.yaml", "gateway.db", "gateway.log"} <= names

    def test_no_process_is_left_behind(self, told):
        assert left_behind(told[3]) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path, number):
    process = start(tmp_path)
    log = tmp_path / "gateway.log"
    wait_until(lambda: log.exists() and "gateway_started" in log.read_text(), "it runs")
    assert left_behind(tmp_path)
    os.killpg(process.pid, number)  # as a terminal does: the broker gets it too
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "everything is stopped" in err
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_with_the_page_it_is_shown_where_it_says(tmp_path):
    pytest.importorskip("uvicorn")
    process = start(tmp_path, "--web", "--duration", "600")
    port = next(
        event["port"]
        for line in process.stdout
        if "port" in (event := json.loads(line)) and event["kind"] == "page"
    )

    def shown():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/assets") as answer:
                return "asset/pump-7" in json.load(answer)
        except OSError:
            return False

    wait_until(shown, "the page")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    process.communicate()
    assert left_behind(tmp_path) == []


def test_it_does_not_begin_on_the_database_of_an_earlier_demo(tmp_path):
    (tmp_path / "gateway.db").touch()
    process = start(tmp_path)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "give another folder" in err


@pytest.mark.slow
def test_a_demo_too_short_for_its_story_fails_and_says_why(tmp_path):
    process = start(tmp_path, "--duration", "1")
    out, err = process.communicate(timeout=60)
    summary = json.loads(out.splitlines()[-1])
    assert process.returncode == 1
    assert "nothing was decided" in summary["why"]
    assert "gateway_started" in err
