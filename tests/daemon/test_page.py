"""The page of a running gateway: what it shows, and what people do on it."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.daemon.test_explain import MODEL, PACKAGE, heat
from tests.fakes.daemon import Daemon, pump
from tests.fakes.page import frames
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

httpx = pytest.importorskip("httpx")
HEALTH = Path(__file__).parents[2] / "docs/topics/health.schema.json"


def told(port: int, web: int, *changes: tuple[str, str]) -> str:
    section = f'web: {{listen: "127.0.0.1:{web}", guest: operator}}\nassets:'
    return pump(port, ("assets:", section), *changes)


@contextmanager
def browser(web: int) -> Iterator[Any]:
    url = f"http://127.0.0.1:{web}"
    with httpx.Client(base_url=url, headers={"origin": url}, timeout=30) as client:
        wait_until(lambda: _answers(client), "the page answers")
        client.headers["x-csrf-token"] = client.get("/api/me").json()["csrf"]
        yield client


def _answers(client: Any) -> bool:
    try:
        return bool(client.get("/healthz").status_code == 200)
    except httpx.TransportError:
        return False


def glance(client: Any) -> Any:
    return client.get("/api/assets").json()["asset/pump"]


def test_an_alert_is_shown_explained_acknowledged_and_overridden(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    web = free_port()
    with Daemon(tmp_path, told(zigbee.port, web)) as daemon, browser(web) as client:
        zigbee.online()
        for degrees in (60, 70, 95):
            zigbee.tell("probe", temperature=degrees)
        wait_until(lambda: zigbee.orders, "the pump is stopped")
        zigbee.obey()
        wait_until(lambda: glance(client)["status"] == "alert", "the alert is shown")
        assert glance(client)["alert_label"] == "alarm"

        def decisions() -> Any:
            return client.get("/api/assets/pump/timeline").json()["decisions"]

        wait_until(lambda: decisions()[0]["commands"][0]["state"] == "confirmed", "its proof")
        first = decisions()[0]
        assert (first["event"], first["label"]) == ("raised", "alarm")
        assert "temperature > 90 is true" in first["explanation"]["words"][0]
        curve = client.get("/api/assets/pump/trends?span=600").json()["metrics"]["temperature"]
        assert [value for _, value in curve] == [60, 70, 95]

        seen = client.post("/api/assets/pump/acknowledge", json={"reason": "on my way"})
        assert seen.json()["data"]["recorded"] is True
        wait_until(lambda: glance(client)["status"] == "seen", "it was seen")
        forced = client.post(
            "/api/assets/pump/override", json={"force": "stop", "reason": "make sure"}
        ).json()
        assert forced["data"]["state"] == "sent"
        wait_until(lambda: decisions()[0]["event"] == "forced", "the forced one")
        refused = client.post("/api/assets/pump/override", json={"force": "fly", "reason": "x"})
        assert (refused.status_code, "there are stop" in refused.json()["error"]) == (409, True)
        answered = zigbee.heard("edge/here/response/override")
        assert [one["status"] for one in answered] == ["ok", "error"]
        audited = daemon.rows("SELECT body FROM audit WHERE kind = 'intervention' ORDER BY seq")
        assert [json.loads(body)["author"] for (body,) in audited][:1] == ["page"]


def test_a_page_that_comes_later_knows_what_is_raised_and_what_is_usual(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    heat(tmp_path)
    web = free_port()
    with Daemon(tmp_path, pump(zigbee.port, MODEL, PACKAGE)) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=250)  # an alarm that a pump at rest does not end
        wait_until(lambda: zigbee.orders, "the pump is stopped")
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "its proof")
        daemon.file.write_text(told(zigbee.port, web, MODEL, PACKAGE))
        daemon.signal(signal.SIGHUP)

        def known(client: Any) -> None:
            wait_until(lambda: glance(client)["status"] == "alert", "the alert is shown")
            assert glance(client)["alert_label"] == "alarm"
            assert glance(client)["since"]

            def shown() -> Any:
                return frames(client, "asset/pump", 1)[0][1]

            wait_until(lambda: shown()["models"]["heat"]["task"] == "anomaly", "what models are")
            assert shown()["usual"] == {"temperature": [35.0, 45.0]}

        with browser(web) as client:
            known(client)
            (version,) = client.get("/api/gateway/models").json()
            assert (version["model"], version["state"], version["judges"]) == (
                "heat",
                "active",
                True,
            )
            judged = client.get("/api/assets/pump/timeline").json()["verdicts"]
            assert judged[0]["label"] == "alarm"
            assert len(judged) < 4  # what changed, not what was judged again
        assert daemon.stop() == 0
        daemon.start()  # nobody says again what is raised
        with browser(web) as client:
            wait_until(lambda: "asset/pump" in client.get("/api/assets").text, "it is told")
            known(client)


def test_a_stop_on_the_page_is_a_stop(tmp_path: Path, zigbee: Zigbee) -> None:
    web = free_port()
    with Daemon(tmp_path, told(zigbee.port, web)), browser(web) as client:
        zigbee.online()
        assert client.post("/api/gateway/stop", json={"on": True, "reason": "smoke"}).json()["data"]
        wait_until(
            lambda: "stopped by page: smoke" in client.get("/api/gateway").text, "it is shown"
        )
        assert client.post("/api/gateway/stop", json={"on": False}).json()["data"]["changed"]
        health = zigbee.newest("health")
        assert health["page"]["state"] == "running"
        jsonschema.validate(health, json.loads(HEALTH.read_text()))


def test_messages_that_cannot_be_taken_are_shown_with_their_payload(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    web = free_port()
    with Daemon(tmp_path, told(zigbee.port, web)), browser(web) as client:
        zigbee.peer.publish("zigbee2mqtt/probe", "{nonsense <script>")

        def rejects() -> Any:
            return client.get("/api/gateway/rejects").json()

        wait_until(rejects, "the reject")
        assert rejects()[0]["payload"] == "{nonsense <script>"


def test_a_page_that_dies_is_begun_anew_and_shows_everything_again(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    web = free_port()
    with Daemon(tmp_path, told(zigbee.port, web)) as daemon, browser(web) as client:
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: glance(client)["status"] == "normal", "it is normal")
        os.kill(_pid(daemon), signal.SIGKILL)
        wait_until(lambda: daemon.logged("page_process_died"), "it is noticed")
        wait_until(lambda: _answers(client), "it is there again")
        wait_until(lambda: glance(client)["status"] == "normal", "it is told everything again")


def _pid(daemon: Daemon) -> int:
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = process.read_text().rsplit(")", 1)[1].split()
            words = process.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(parts[1]) == daemon.process.pid and b"gateway.web" in words:
            return int(process.parent.name)
    raise AssertionError


def test_a_reload_brings_the_page_takes_it_away_and_changes_its_assets(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    web = free_port()
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        daemon.file.write_text(told(zigbee.port, web))
        daemon.signal(signal.SIGHUP)
        with browser(web) as client:
            assert frames(client, "assets", 1)[0][1]["asset/pump"]["name"] == "Pump"
            daemon.file.write_text(told(zigbee.port, web, ("name: Pump", "name: Big pump")))
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: _named(client) == "Big pump", "the new name")
            daemon.file.write_text(pump(zigbee.port))
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: not _answers(client), "the page is gone")


def _named(client: Any) -> str:
    try:
        return str(glance(client)["name"])
    except httpx.TransportError:
        return ""


def test_a_page_that_cannot_listen_is_a_problem_and_the_gateway_works_on(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, told(zigbee.port, zigbee.port)) as daemon:
        wait_until(lambda: daemon.logged("page_process_died"), "it is noticed")
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: daemon.values("temperature") == [20], "the reading")
        wait_until(
            lambda: any(
                one.startswith("page: ") and "cannot listen" in one
                for one in zigbee.newest("health").get("problems", ())
            ),
            "the problem",
        )


def test_without_a_section_there_is_no_process_and_no_word_of_it(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        wait_until(lambda: zigbee.newest("health"), "health")
        assert "page" not in zigbee.newest("health")
        with pytest.raises(AssertionError):
            _pid(daemon)
