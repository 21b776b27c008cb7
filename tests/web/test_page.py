"""The process of the page: who may what, what every response says, and that nothing hurts it."""

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.web import passwords
from gateway.web.app import HERE
from tests.fakes.authority import Authority
from tests.fakes.page import PASSWORD, Page, frames, people
from tests.fakes.waiting import wait_until

httpx = pytest.importorskip("httpx")
HOLD = {"hold": True, "reason": "new seal", "for": "1h"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def closed(folder: Path) -> Iterator[Page]:
    """One has to sign in."""
    with Page(folder, accounts=people(folder), clients=8) as page:
        page.tell("asset/pump/state", {"label": "normal", "alert": False})
        yield page


@pytest.fixture(scope="module")
def open_(folder: Path) -> Iterator[Page]:
    """Nobody signs in, and everybody may."""
    with Page(folder, guest="operator") as page:
        yield page


# -- who may what --------------------------------------------------------------------------------


def test_nothing_is_shown_to_who_did_not_sign_in(closed: Page) -> None:
    with closed.client() as client:
        paths = ("assets", "assets/pump", "events", "gateway", "gateway/rejects", "configuration")
        assert {client.get(f"/api/{path}").status_code for path in paths} == {401}
        me = client.get("/api/me").json()
        assert (me["role"], me["gateway"]) == ("", {})
        assert client.post("/api/assets/pump/override", json=HOLD).status_code == 401
        assert client.get("/").status_code == 200


def test_a_viewer_sees_and_decides_nothing(closed: Page) -> None:
    asked = len(closed.asks())
    with closed.client("vera") as client:
        assert client.get("/api/assets").status_code == 200
        assert client.post("/api/assets/pump/override", json=HOLD).status_code == 403
        assert client.get("/api/configuration").status_code == 403
        assert client.post("/api/configuration/check", json={"text": ""}).status_code == 403
    assert len(closed.asks()) == asked


def test_an_operator_decides_and_is_named_as_the_author(closed: Page) -> None:
    with closed.client("anna") as client:
        answer = client.post("/api/assets/pump/override", json=HOLD)
        assert (answer.status_code, answer.json()) == (200, {"data": {"recorded": True}})
    asked = closed.asks()[-1]
    assert (asked["name"], asked["asset"]) == ("override", "pump")
    assert asked["fields"] == {**HOLD, "author": "anna"}


def test_nobody_names_himself(closed: Page) -> None:
    with closed.client("anna") as client:
        told = {**HOLD, "author": "ben"}
        assert client.post("/api/assets/pump/override", json=told).status_code == 400


def test_what_overrides_the_gateway_needs_a_reason(open_: Page) -> None:
    wrong = {
        "override": {"hold": True},
        "maintenance": {"on": True, "reason": "  "},
        "mode": {"mode": "act"},
    }
    right = {
        "override": {"hold": False},
        "maintenance": {"on": False},
        "mode": {"mode": "file"},
        "acknowledge": {},
    }
    with open_.client() as client:
        for name, fields in wrong.items():
            answer = client.post(f"/api/assets/pump/{name}", json=fields)
            assert (answer.status_code, "reason" in answer.json()["error"]) == (400, True)
        for name, fields in right.items():
            assert client.post(f"/api/assets/pump/{name}", json=fields).status_code == 200
        assert client.post("/api/gateway/stop", json={"on": True}).status_code == 400
        odd = {"content": '{"force": "stop", "reason": "x", "value": 1e999}'}
        told = {"content-type": "application/json"}
        assert client.post("/api/assets/pump/override", headers=told, **odd).status_code == 400
        assert client.post("/api/assets/pump/explode", json={}).status_code == 404


def test_what_the_daemon_refuses_is_told_in_its_words(open_: Page) -> None:
    open_.answer = {"error": "nothing is raised on pump"}
    with open_.client() as client:
        answer = client.post("/api/assets/pump/acknowledge", json={})
        assert (answer.status_code, answer.json()["error"]) == (409, "nothing is raised on pump")
    open_.answer = {"data": {}}


def test_a_wrong_password_and_an_unknown_name_look_alike_and_guessing_ends(tmp_path: Path) -> None:
    with Page(tmp_path, accounts=people(tmp_path)) as page, page.client() as client:
        told = {"name": "anna", "password": "wrong horse"}
        said = {client.post("/api/sign-in", json=told).text for _ in range(3)}
        said |= {client.post("/api/sign-in", json={**told, "name": "nobody"}).text}
        assert len(said) == 1
        answers = [client.post("/api/sign-in", json=told).status_code for _ in range(4)]
        assert answers == [403, 403, 429, 429]
        good = {"name": "anna", "password": PASSWORD}
        assert client.post("/api/sign-in", json=good).status_code == 429
        assert client.post("/api/sign-in", json={**good, "name": "vera"}).status_code == 200
        refused = [one for one in page.told if one.get("event") == "sign_in_refused"]
        assert {one["person"] for one in refused} == {"anna", "unknown"}


def test_a_session_ends_by_signing_out_and_with_the_line_of_its_person(tmp_path: Path) -> None:
    file = Path(people(tmp_path))
    with Page(tmp_path, accounts=str(file)) as page, page.client("anna") as anna:
        with page.client("vera") as vera:
            assert vera.post("/api/sign-out", json={}).status_code == 200
            assert vera.get("/api/assets").status_code == 401
        assert anna.get("/api/assets").status_code == 200
        file.write_text(passwords.line("vera", "viewer", PASSWORD) + "\n")
        assert anna.get("/api/assets").status_code == 401
        file.write_text("nonsense")
        assert anna.get("/api/assets").status_code == 401


def test_the_cookie_is_for_our_page_alone(closed: Page) -> None:
    with closed.client() as client:
        told = {"name": "vera", "password": PASSWORD}
        cookie = client.post("/api/sign-in", json=told).headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


# -- from where ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"x-csrf-token": "0" * 64},
        {"x-csrf-token": ""},
        {"host": "evil.example"},
    ],
)
def test_another_site_changes_nothing(open_: Page, headers: dict[str, str]) -> None:
    asked = len(open_.asks())
    with open_.client() as client:
        assert (
            client.post("/api/assets/pump/override", json=HOLD, headers=headers).status_code == 403
        )
        del client.headers["origin"]
        assert client.post("/api/assets/pump/override", json=HOLD).status_code == 403
    assert len(open_.asks()) == asked


def test_a_form_of_another_site_is_no_request(open_: Page) -> None:
    with open_.client() as client:
        answer = client.post("/api/assets/pump/override", data={"hold": "true"})
        assert answer.status_code == 400


def test_a_name_that_was_made_to_lead_here_is_refused_and_one_of_the_file_is_not(
    tmp_path: Path,
) -> None:
    with Page(tmp_path, hosts=("plant.example",)) as page, page.client() as client:
        asked = {name: {"host": f"{name}:{page.spec.port}"} for name in ("evil.example",)}
        assert client.get("/api/me", headers=asked["evil.example"]).status_code == 403
        for name in ("plant.example", "PLANT.example:80", "localhost", "[::1]:99", "192.0.2.7"):
            assert client.get("/api/me", headers={"host": name}).status_code == 200


def test_every_response_says_what_a_browser_may_do_with_it(closed: Page) -> None:
    with closed.client() as client:
        for path in ("/", "/static/main.js", "/api/me", "/api/assets", "/nothing"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert "server" not in headers


def test_over_tls_the_session_is_for_tls_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certs", "plant")
    certificate, key = map(str, authority.issue("page", "IP:127.0.0.1"))
    given = {"cert_file": certificate, "key_file": key, "accounts": people(tmp_path)}
    with Page(tmp_path, **given) as page, ExitStack() as held:
        page.verify = ssl.create_default_context(cafile=authority.certificate)
        with page.client("anna") as client:
            told = client.post("/api/assets/pump/override", json=HOLD)
            assert told.json() == {"data": {"recorded": True}}
            assert told.headers["strict-transport-security"] == "max-age=31536000"
            assert next(iter(client.cookies.jar)).secure
            page.tell("asset/pump/state", {"label": "normal", "alert": False})
            assert frames(client, "assets", 1)[0][0] == "all"
        held.enter_context(_raw(page, GET))  # one that knows no TLS, and one that begins and stops
        held.enter_context(_raw(page, b"\x16\x03\x01"))
        with page.client("vera") as client:
            assert client.get("/api/assets").status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
            httpx.get(page.url)


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certs", "plant")
    certificate, _ = authority.issue("page", "IP:127.0.0.1")
    _, other = authority.issue("other", "IP:127.0.0.1")
    page = Page(tmp_path, cert_file=str(certificate), key_file=str(other), parent=os.getpid())
    command = [sys.executable, "-m", "gateway.web"]
    done = subprocess.run(command, input=page.spec.line(), capture_output=True, check=False)
    assert (done.returncode, done.stderr[:14]) == (1, b"page: web.tls:")


# -- what is shown -------------------------------------------------------------------------------


def test_a_page_is_told_everything_and_then_what_changes(open_: Page) -> None:
    open_.tell("asset/pump/state", {"label": "normal", "alert": False})
    with open_.client() as client:
        wait_until(lambda: "normal" in client.get("/api/assets").text, "the state")
        with client.stream("GET", "/api/events") as response:
            lines = response.iter_lines()
            assert next(lines) == "event: all"
            whole = json.loads(next(lines).removeprefix("data: "))
            assert whole["asset/pump"]["status"] == "normal"
            open_.tell("asset/pump/state", {"label": "alarm", "alert": True})
            told = [line for line in (next(lines), next(lines), next(lines)) if line]
            assert told[0] == "event: some"
            assert json.loads(told[1].removeprefix("data: "))["asset/pump"]["status"] == "alert"


def test_views_that_there_are_not_are_refused(open_: Page) -> None:
    with open_.client() as client:
        assert client.get("/api/events?view=asset/strange").status_code == 404
        assert client.get("/api/assets/strange").status_code == 404
        assert client.get("/api/assets/strange/trends").status_code == 404


def test_without_a_database_the_page_says_so(open_: Page) -> None:
    with open_.client() as client:
        answer = client.get("/api/assets/pump/timeline")
        assert (answer.status_code, "database" in answer.json()["error"]) == (503, True)


def test_nothing_comes_from_outside(closed: Page) -> None:
    with closed.client() as client:
        for file in sorted(HERE.rglob("*.*")):
            name = file.relative_to(HERE).as_posix()
            text = client.get(f"/static/{name}").text
            assert "@import" not in text, name
            places = [] if name.startswith("uplot") else text.split("http://")[1:]
            assert all(one.startswith("www.w3.org/2000/svg") for one in places), name
            assert "https://" not in text or name.startswith("uplot"), name


def test_uplot_is_the_one_that_was_looked_at() -> None:
    """uplot 1.6.32 of npm."""
    made = {
        file.name: sha256(file.read_bytes()).hexdigest()[:16] for file in (HERE / "uplot").iterdir()
    }
    assert made == {
        "LICENSE": "8f989229699b4fe2",
        "uPlot.iife.min.js": "19c8d4c6ad88929a",
        "uPlot.min.css": "df630c6a8d6f8eea",
    }


def test_no_file_outside_is_served(closed: Page) -> None:
    with closed.client() as client:
        for path in ("/static/../app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
            assert client.get(path).status_code == 404


# -- the configuration ---------------------------------------------------------------------------


def test_a_text_is_checked_as_the_file_would_be(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    text = "gateway: {id: here}\nbrokers: {local: {host: localhost}}\n"
    file.write_text(text)
    with Page(tmp_path, guest="operator") as page, page.client() as client:
        assert client.get("/api/configuration").json()["text"] == text
        good = client.post("/api/configuration/check", json={"text": text})
        assert good.json() == {"problems": []}
        wrong = "gateway: {id: here}\nbrokers: {local: {hots: 127.0.0.1}}\n"
        bad = client.post("/api/configuration/check", json={"text": wrong}).json()["problems"]
        assert any(one["line"] == 2 and "host" in one["hint"] for one in bad)
        syntax = client.post("/api/configuration/check", json={"text": "a: [\n"}).json()
        assert syntax["problems"]
        assert file.read_text() == text


# -- what it bears -------------------------------------------------------------------------------


def _raw(page: Page, data: bytes, *, small: bool = False) -> socket.socket:
    near = socket.socket()
    if small:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    near.connect(("127.0.0.1", page.spec.port))
    near.sendall(data)
    return near


GET = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _memory(page: Page) -> int:
    text = Path(f"/proc/{page.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def test_only_so_many_pages_are_open(tmp_path: Path) -> None:
    with Page(tmp_path, clients=3) as page, page.client() as client, ExitStack() as held:
        for _ in range(3):
            near = held.enter_context(_raw(page, GET))
            assert near.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: page.told[-1].get("figures", {}).get("clients") == 3, "they are here")
        assert client.get("/api/events").status_code == 503
        assert client.get("/api/assets").status_code == 200
        held.close()
        wait_until(lambda: page.told[-1].get("figures", {}).get("clients") == 0, "they are gone")
        assert frames(client, "assets", 1)[0][0] == "all"


def test_three_hundred_pages_are_told_and_memory_is_bounded(tmp_path: Path) -> None:
    with Page(tmp_path, clients=300) as page, ExitStack() as held:
        before = _memory(page)
        nears = [held.enter_context(_raw(page, GET)) for _ in range(300)]
        for near in nears:
            near.settimeout(60)
            assert near.recv(12) == b"HTTP/1.1 200"
        for number in range(20):
            page.tell("asset/pump/state", {"label": "worn", "score": number, "note": "x" * 4_000})
        for near in nears:
            said = b""
            while b'"score": 19' not in said:
                said += near.recv(65_536)
        assert _memory(page) - before < 60_000  # kB


def test_who_reads_nothing_is_dropped_and_the_others_are_told(tmp_path: Path) -> None:
    view = b"GET /api/events?view=asset%2Fpump HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Page(tmp_path, clients=20) as page, ExitStack() as held, page.client() as client:
        for _ in range(10):
            held.enter_context(_raw(page, view, small=True))
        wait_until(lambda: page.told[-1].get("figures", {}).get("clients") == 10, "they are here")
        until = time.monotonic() + 60
        number = 0
        while page.told[-1].get("figures", {}).get("dropped") != 10:
            number += 1
            page.tell("asset/pump/state", {"number": number, "note": "x" * 200_000})
            page.tell("asset/pump/alert", {"state": "clear", "number": number})
            assert time.monotonic() < until, page.told[-1]
            wait_until(lambda n=number: f'"number": {n}' in frames_text(client), "the newest")  # type: ignore[misc]
        wait_until(lambda: page.told[-1]["figures"]["clients"] == 0, "the last one is gone")


def frames_text(client: "httpx.Client") -> str:
    return json.dumps(frames(client, "asset/pump", 1))


BROKEN = [
    b"\x00\xff\xfe\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
    b"POST /api/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n{",
    b"POST /api/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET /api/assets/%ff%00/trends?span=\xc3\x28 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/assets/pump/trends?span=" + b"9" * 400 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
]


def test_broken_requests_leave_it_as_it_was(tmp_path: Path) -> None:
    with Page(tmp_path) as page, page.client() as client, ExitStack() as held:
        for data in BROKEN * 3:
            held.enter_context(_raw(page, data))
        assert client.get("/api/assets").status_code == 200
        deep = "[" * 8_000
        for text in ("{", "[]", '"x"', "null", deep, '{"hold": 1e999}', "\ud800"):
            body = text.encode("utf-8", "surrogatepass")
            told = {"content-type": "application/json"}
            answer = client.post("/api/sign-in", content=body, headers=told)
            assert answer.status_code in (400, 403), text[:20]
        assert client.get("/api/assets").status_code == 200


def test_it_ends_when_the_daemon_does(tmp_path: Path) -> None:
    with Page(tmp_path) as page, ExitStack() as held:
        held.enter_context(_raw(page, GET)).recv(12)
        assert page.hang_up() == 0


def test_a_database_of_another_kind_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "gateway.db") as other:
        other.execute("CREATE TABLE a (b)")
    other.close()
    with Page(tmp_path) as page, page.client() as client:
        assert client.get("/api/gateway/rejects").status_code == 503
