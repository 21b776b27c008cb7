"""The process that answers Prometheus, without a daemon."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from gateway.web.answering import MOST_CLIENTS, STALE_S, Answer
from gateway.web.scrape_spec import ScrapeSpec
from tests.fakes.waiting import wait_until
from tests.fakes.wired import ROOT, Wired

FIGURES = {"degraded": [[True]], "source_silent": [["zigbee", False]]}


class Scraped(Wired):
    """One process; the test is its daemon."""

    def __init__(self, **files: str) -> None:
        self._files = files

    def __enter__(self) -> Self:
        spec = ScrapeSpec("127.0.0.1", 0, os.getpid(), **self._files)
        self.launch("gateway.web.scrape", spec.line())
        said = self.stdout.readline()
        assert said, self.stderr.read()
        self.port = int(json.loads(said)["listening"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self.hang_up() == 0
        assert self.complaints() == ""

    def tell(self, figures: Any) -> None:
        self.write(json.dumps(figures).encode() + b"\n")

    def get(self, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            asked.request(method, path, headers=headers)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()
        finally:
            asked.close()

    def told(self) -> str:
        """The metrics, once there are some."""
        self.tell(FIGURES)
        wait_until(lambda: self.get()[0] == 200, "figures")
        return self.get()[1]


def test_what_was_told_last_is_answered() -> None:
    with Scraped() as scraped:
        assert scraped.get()[0] == 503
        assert "\nedge_gateway_degraded 1\n" in scraped.told()
        assert 'edge_gateway_source_silent{source="zigbee"} 0' in scraped.told()
        assert "edge_gateway_figures_age_seconds 0" in scraped.told()
        scraped.tell(FIGURES | {"degraded": [[False]]})
        wait_until(lambda: "\nedge_gateway_degraded 0\n" in scraped.get()[1], "the newer one")


def test_figures_that_nobody_renews_are_none() -> None:
    now = [0.0]
    answer = Answer("", lambda: now[0])
    answer.line = json.dumps(FIGURES).encode(), 0.0
    head = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464"
    assert answer(head)[0] == 200
    now[0] = STALE_S + 1
    assert answer(head)[0] == 503


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/", "GET", {}, 404),
        ("/metrics?x=1", "GET", {}, 200),
        ("/metrics", "POST", {}, 405),
        ("/metrics", "HEAD", {}, 200),
        ("/metrics", "GET", {"Host": "evil.example"}, 421),
        ("/metrics", "GET", {"Host": "localhost:9464"}, 200),
        ("/metrics", "GET", {"Host": "[::1]:9464"}, 200),
    ],
)
def test_only_that_is_answered_and_only_under_names_of_ours(
    path: str, method: str, headers: dict[str, str], status: int
) -> None:
    with Scraped() as scraped:
        scraped.told()
        assert scraped.get(path, method, **headers)[0] == status


def test_with_a_token_nobody_sees_anything_without_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret-token\n")
    with Scraped(token_file=str(file)) as scraped:
        scraped.tell(FIGURES)
        right = {"Authorization": "Bearer s3cret-token"}
        wait_until(lambda: scraped.get(**right)[0] == 200, "figures")
        assert scraped.get(Host="gateway.example", **right)[0] == 200
        for wrong in ("Bearer s3cret", "Bearer", "Basic s3cret-token", "s3cret-token"):
            assert scraped.get(Authorization=wrong)[0] == 401
        assert scraped.get()[0] == 401


def test_it_speaks_tls(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("cert_file", "key_file")}
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-keyout", files["key_file"], "-out", files["cert_file"]],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("needs openssl")
    with Scraped(**files) as scraped:
        scraped.tell(FIGURES)
        context = ssl._create_unverified_context()

        def get() -> bytes:
            asked = http.client.HTTPSConnection(
                "127.0.0.1", scraped.port, timeout=10, context=context
            )
            try:
                asked.request("GET", "/metrics")
                return asked.getresponse().read()
            finally:
                asked.close()

        wait_until(lambda: b"edge_gateway_degraded 1" in get(), "figures over TLS")
        with socket.create_connection(("127.0.0.1", scraped.port)) as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            with suppress(ConnectionResetError):
                assert b"edge_gateway" not in plain.recv(4096)
        assert b"edge_gateway_degraded 1" in get()


def test_nonsense_and_clients_that_dawdle_take_nothing_from_others() -> None:
    with Scraped() as scraped:
        scraped.told()
        for nonsense in (b"\x00" * 64 + b"\r\n\r\n", b"GET\r\n\r\n", b"A" * 20_000, b"\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", scraped.port), 10) as one:
                one.sendall(nonsense)
                one.shutdown(socket.SHUT_WR)
                try:
                    said = one.recv(100)
                except ConnectionResetError:
                    said = b""
                assert said[:12] in (b"", b"HTTP/1.1 400"), said
        idle = [socket.create_connection(("127.0.0.1", scraped.port), 10)
                for _ in range(MOST_CLIENTS - 1)]  # fmt: skip
        assert scraped.get()[0] == 200
        more = [socket.create_connection(("127.0.0.1", scraped.port), 10) for _ in range(3)]
        for one in more[1:]:
            assert one.recv(1) == b"", "closed at once"
        for one in (*idle, *more):
            one.close()
        wait_until(lambda: _answers(scraped), "there is room again")


def _answers(scraped: Scraped) -> bool:
    try:
        return scraped.get()[0] == 200
    except OSError:
        return False


def test_a_port_that_is_taken_and_a_token_that_is_missing_are_said(tmp_path: Path) -> None:
    def said(spec: ScrapeSpec) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.web.scrape"],
            input=spec.line(), capture_output=True, cwd=ROOT, check=False, timeout=30,
        )  # fmt: skip
        assert done.returncode == 1
        return done.stderr.decode()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "cannot listen" in said(ScrapeSpec("127.0.0.1", port, os.getpid()))
    missing = ScrapeSpec("127.0.0.1", 0, os.getpid(), token_file=str(tmp_path / "none"))
    assert "No such file" in said(missing)


def test_it_is_small_and_loads_no_framework() -> None:
    with Scraped() as scraped:
        threads = [threading.Thread(target=scraped.told) for _ in range(4)]
        scraped.told()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pid = scraped.process.pid
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert not any(name in maps for name in ("_ssl", "pydantic", "numpy", "uvloop"))
        rss = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert rss < 24 << 20
