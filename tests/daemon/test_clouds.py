"""A model in a cloud, asked by the real daemon where the local one is out: well, wrong, frozen."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.test_versions import package
from tests.fakes.daemon import Daemon, pump
from tests.fakes.oip import Answerer, Server
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee

STATE = "asset/pump/state"
WAY = "url: URL, model: large, egress: raw, deadline: 2s, rest: 1s, budget: {calls: 90000/day}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    package(tmp_path / "heat", "1.0.0", 90.0)
    with Server(tmp_path / "cloud", tmp_path / "heat") as server:
        yield server


def asking(
    port: int, way: str, *changes: tuple[str, str], rung: str = "cloud: big", below: str = ""
) -> str:
    """The pump whose model's package is damaged; a cloud stands below it."""
    rungs = f"    verdicts:\n      - {{model: heat}}\n      - {{{rung}}}\n{below}"
    sections = f"models: {{heat: {{package: heat}}}}\ncloud: {{inference: {{big: {{{way}}}}}}}\n"
    return pump(
        port,
        ('      - {rule: "temperature > 90", label: alarm}\n', ""),
        ("    verdicts:\n", rungs),
        ("log: {", f"{sections}log: {{"),
        *changes,
    )


def damaged(folder: Path) -> None:
    """Its bytes are not those that the manifest names."""
    with (folder / "heat" / "model.onnx").open("ab") as file:
        file.write(b"\0")


def gateway(folder: Path, port: int, url: str, *changes: tuple[str, str], **more: str) -> Daemon:
    damaged(folder)
    return Daemon(folder, asking(port, WAY.replace("URL", url), *changes, **more))


def health(zigbee: Zigbee) -> Any:
    return zigbee.newest("health").get("inference", {}).get("big", {})


def counted(zigbee: Zigbee, name: str) -> int:
    return int(health(zigbee).get("counters", {}).get(name, 0))


def says(zigbee: Zigbee, key: str, value: object) -> None:
    wait_until(lambda: zigbee.newest(STATE).get(key) == value, f"{key} is {value}")


def records(daemon: Daemon, kind: str) -> list[Any]:
    return [
        json.loads(body) for (body,) in daemon.rows("SELECT body FROM audit WHERE kind = ?", kind)
    ]


def test_a_cloud_stands_in_for_the_local_model_and_only_advises(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    with gateway(tmp_path, zigbee.port, server.url) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        says(zigbee, "rung", "cloud:big")
        assert zigbee.newest(STATE)["label"] == "normal"
        zigbee.tell("probe", temperature=95.0)
        says(zigbee, "label", "alarm")
        wait_until(lambda: zigbee.heard("edge/here/asset/pump/decision"), "the decision")
        decision = zigbee.heard("edge/here/asset/pump/decision")[0]
        assert decision["mode"] == "act"
        assert decision["refused"] == "assets.pump.verdicts: a cloud without may_act only advises"
        verdict = decision["verdict"]
        assert (verdict["rung"], verdict["model_version"]) == ("cloud:big", "3")
        assert verdict["remote"]["model"] == "large"
        assert verdict["remote"]["age_ms"] >= 0
        assert verdict["remote"]["request"] in {one["id"] for one in server.asked}
        assert verdict["abstained"] == {"model:heat": "not loaded"}
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "the explanation")
        assert verdict["remote"]["request"] in zigbee.newest("asset/pump/explanation")["words"][1]
        assert zigbee.orders == []
        assert daemon.stop() == 0
        told = records(daemon, "egress")
        assert [(one["model"], one["egress"]) for one in told] == [("large", "raw")]
        assert told[0]["calls"] >= 2
        assert len(told[0]["sha256"]) == 64
        bodies = [one for one in records(daemon, "decision") if one["event"] == "raised"]
        assert bodies[0]["verdict"]["remote"] == verdict["remote"]
        question = server.asked[0]
        assert question["parameters"].keys() == {"asset"}
        assert question["parameters"]["asset"].startswith("asset-")
        (sent,) = question["inputs"]
        assert (sent["name"], sent["shape"], sent["data"]) == ("window", [1, 1, 1], [20.0])


def test_a_cloud_that_may_act_stops_the_pump_which_is_proved(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    rung = "cloud: big, like: heat, may_act: true"
    with gateway(tmp_path, zigbee.port, server.url, rung=rung) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=95.0)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "it is proved")
        assert zigbee.orders[0]["state"] == "OFF"
        sql = "SELECT refused, verdict FROM decision WHERE event = 'raised'"
        ((refused, verdict),) = daemon.rows(sql)
        assert refused == ""
        assert json.loads(verdict)["rung"] == "cloud:big"


def test_a_local_model_that_answers_is_asked_alone(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    text = asking(zigbee.port, WAY.replace("URL", server.url))
    with Daemon(tmp_path, text):
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        says(zigbee, "rung", "model:heat")
        zigbee.tell("probe", temperature=95.0)
        says(zigbee, "label", "alarm")
        assert server.asked == []


def test_a_frozen_cloud_costs_one_deadline_and_the_ladder_goes_on(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    """Another asset is judged meanwhile; the breaker opens, and closes after the thaw."""
    below = '      - {rule: "temperature > 90", label: alarm}\n'
    fan = """  fan:
    metrics: {temperature: {from: zigbee/probe, unit: degC}}
    verdicts: [{rule: "temperature > 50", label: warm}]
"""
    changes = (("deadline: 2s", "deadline: 700ms"),)
    damaged(tmp_path)
    text = asking(zigbee.port, WAY.replace("URL", server.url), *changes, below=below) + fan
    with Daemon(tmp_path, text):
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        says(zigbee, "rung", "cloud:big")
        server.freeze()
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: zigbee.newest("asset/fan/state").get("label") == "warm", "the fan")
        says(zigbee, "rung", "rule:3")
        assert zigbee.newest(STATE)["label"] == "alarm"
        why = {"deadline", "breaker open"}
        assert zigbee.newest(STATE)["abstained"]["cloud:big"] in why
        wait_until(lambda: health(zigbee).get("state") == "opened", "the breaker opens")
        assert counted(zigbee, "timeout") >= 5
        server.thaw()
        says(zigbee, "rung", "cloud:big")
        wait_until(lambda: health(zigbee).get("state") == "closed", "the breaker closes")


def test_a_frozen_cloud_does_not_keep_the_fail_safe_off(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    rule = "      - {when: alarm, do: stop, mode: act}\n"
    safe = (rule, rule + "    fail_safe: {after: 2s, do: stop}\n")
    with gateway(tmp_path, zigbee.port, server.url, safe) as daemon:
        server.freeze()
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=20.0)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "the fail-safe is proved")
        server.thaw()


WRONG = ["nan", "html"]
"""The others are asked of the way alone: tests/daemon/test_cloud_ways.py."""


@pytest.mark.parametrize("mode", WRONG)
def test_a_wrong_answer_is_no_verdict(
    tmp_path: Path, zigbee: Zigbee, server: Server, mode: str
) -> None:
    server.mode(mode)
    with gateway(tmp_path, zigbee.port, server.url) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: daemon.logged("cloud_breaker_opened"), "the breaker opens")
        wait_until(lambda: zigbee.newest(STATE).get("abstained", {}).get("cloud:big"), "abstained")
        assert zigbee.newest(STATE)["label"] == "unknown"
        server.mode("nested")  # another shape, the same number
        says(zigbee, "label", "alarm")
        assert counted(zigbee, "refused") == 0


def test_one_reset_connection_is_forgiven(tmp_path: Path, zigbee: Zigbee, server: Server) -> None:
    server.mode("reset once")
    with gateway(tmp_path, zigbee.port, server.url) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95.0)
        says(zigbee, "label", "alarm")
        assert len(server.asked) >= 1
        assert daemon.logged("cloud_breaker_opened") == []


def test_a_question_that_is_wrong_is_asked_once_until_the_file_is_loaded_again(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    server.mode("400")
    with gateway(tmp_path, zigbee.port, server.url) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: health(zigbee).get("state") == "quarantined", "quarantined")
        asked = len(server.asked)
        let_pass(0.5)
        assert len(server.asked) == asked == 1
        assert daemon.logged("cloud_breaker_opened") == []
        problems = zigbee.newest("health")["problems"]
        assert "cloud big: quarantined: HTTP 400: as told" in problems
        server.mode("")
        daemon.signal(signal.SIGHUP)
        says(zigbee, "label", "alarm")


def test_a_dead_server_costs_no_budget_and_is_found_again(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    server.kill()
    with gateway(tmp_path, zigbee.port, server.url):
        zigbee.online()
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: health(zigbee).get("state") == "opened", "the breaker opens")
        assert health(zigbee)["calls_left"] == 90_000
        server.start()
        says(zigbee, "label", "alarm")


def test_what_is_spent_today_stays_spent_over_a_kill(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    few = ("calls: 90000/day", "calls: 3/day")
    with gateway(tmp_path, zigbee.port, server.url, few) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: health(zigbee).get("state") == "spent", "it is spent")
        assert zigbee.newest(STATE)["abstained"]["cloud:big"] == "its 3 calls of today are spent"
        sql = "SELECT text FROM kept WHERE room = 'inference' AND text LIKE '%\"calls\": 3%'"
        wait_until(lambda: daemon.rows(sql), "it is stored")
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=21.0)
        wait_until(lambda: daemon.values("temperature")[-1:] == [21.0], "it goes on")
        why = "its 3 calls of today are spent"
        wait_until(lambda: zigbee.newest(STATE)["abstained"].get("cloud:big") == why, "still spent")
        assert len(server.asked) == 3


def test_features_leave_and_not_the_window(tmp_path: Path, zigbee: Zigbee, server: Server) -> None:
    """The model there takes one number, so six features are a question that is wrong."""
    features = ("egress: raw", "egress: features")
    with gateway(tmp_path, zigbee.port, server.url, features):
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: server.asked, "it is asked")
        (sent,) = server.asked[0]["inputs"]
        assert sent["shape"] == [1, 6]
        assert sent["data"] == [20.0, 20.0, 0.0, 0.0, 20.0, 20.0]


def test_nothing_leaves_where_the_file_says_none(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    none = ("egress: raw", "egress: none")
    with gateway(tmp_path, zigbee.port, server.url, none):
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: zigbee.newest(STATE).get("abstained", {}).get("cloud:big"), "abstained")
        assert zigbee.newest(STATE)["abstained"]["cloud:big"] == "egress is none"
        assert server.asked == []


def test_declared_windows_need_no_local_model(
    tmp_path: Path, zigbee: Zigbee, server: Server
) -> None:
    rung = "cloud: big, inputs: temperature, period: 20ms, rows: 1, on: 50, label: warm"
    way = f"url: {server.url}, model: large, egress: raw, input: window, every: 1"
    text = pump(
        zigbee.port,
        ('      - {rule: "temperature > 90", label: alarm}\n', f"      - {{{rung}, every: 1s}}\n"),
        ("when: alarm", "when: warm"),
        ("log: {", f"cloud: {{inference: {{big: {{{way.replace(', every: 1', '')}}}}}}}\nlog: {{"),
    )
    with Daemon(tmp_path, text):
        zigbee.online()
        zigbee.tell("probe", temperature=60.0)
        says(zigbee, "label", "warm")
        assert zigbee.newest(STATE)["rung"] == "cloud:big"


def test_over_mqtt_it_answers_and_a_late_answer_is_nobodys(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    way = "broker: local, topic: ai/large, model: large, egress: raw, deadline: 300ms, rest: 5s"
    way += ", budget: {calls: 90000/day, bytes: 1GB/day}"
    with Answerer(tmp_path / "cloud", tmp_path / "heat", zigbee.port, "ai/large") as cloud:
        damaged(tmp_path)
        with Daemon(tmp_path, asking(zigbee.port, way)) as daemon:
            zigbee.online()
            zigbee.tell("probe", temperature=20.0)
            says(zigbee, "rung", "cloud:big")
            cloud.mode("held")
            zigbee.tell("probe", temperature=95.0)
            says(zigbee, "rung", "none")
            assert zigbee.newest(STATE)["label"] == "unknown"
            assert cloud.release() >= 1
            wait_until(lambda: counted(zigbee, "late"), "it was late")
            assert all(one["label"] != "alarm" for one in daemon.logged("verdict_changed"))
            cloud.mode("")
            says(zigbee, "label", "alarm")
            assert zigbee.orders == []


def test_over_mqtt_a_refusal_is_our_fault_and_nobody_there_is_not(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    package(tmp_path / "whole", "1.0.0", 90.0)
    damaged(tmp_path)
    way = "broker: local, topic: ai/large, model: large, egress: raw, rest: 1s"
    with Daemon(tmp_path, asking(zigbee.port, way)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: health(zigbee).get("state") == "opened", "the breaker opens")
        assert health(zigbee)["error"] == "nobody listens on its topic"
        assert health(zigbee)["calls_left"] == 500
        with Answerer(tmp_path / "cloud", tmp_path / "whole", zigbee.port, "ai/large") as cloud:
            cloud.mode("422")
            wait_until(lambda: daemon.logged("cloud_quarantined"), "quarantined")
            assert len(cloud.asked) == 1
