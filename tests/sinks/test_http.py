"""The http sink: on the real receiver, and on servers that are slow, broken, or something else."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Cursor, Row, Stream, unpack
from gateway.errors import SinkError, SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks.http import Settings, Sink
from gateway.sinks.http_settings import place_of
from tests.fakes.authority import Authority
from tests.fakes.raw_http import RawServer, said
from tests.fakes.receiver import TOKEN, Receiver, token_file
from tests.fakes.relay import Relay
from tests.sinks import contract
from tests.sinks.contract import Check, cut, new_stream, opened, reading, seqs

pytest.importorskip("uvicorn", reason="needs uvicorn and starlette")
pytest.importorskip("starlette", reason="needs uvicorn and starlette")


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    with Receiver(folder, "--token-file", str(token_file(folder))) as receiver:
        yield receiver


class Rig:
    """The sink, a relay, and the receiver behind it."""

    def __init__(self, receiver: Receiver, relay: Relay, folder: Path) -> None:
        self.receiver, self.relay = receiver, relay
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        self._wrong = folder / "wrong"
        self._wrong.write_text("a-token-that-is-guessed\n")
        self.settings = Settings(
            f"http://127.0.0.1:{relay.port}", token_file=str(token), timeout_s=20.0
        )

    def sink(self, stream: Stream, **other: Any) -> Sink:
        return Sink(replace(self.settings, **other), stream)

    def stranger(self, stream: Stream) -> Sink:
        return self.sink(stream, token_file=str(self._wrong))

    def rows(self, stream: Stream) -> list[Row]:
        return list(self.receiver.rows(stream))

    def bad_row(self) -> Row:
        return reading(1, value={"not": "a value"})

    def losing(self) -> AbstractContextManager[None]:
        return self.relay.losing(b"POST ")

    def stop(self) -> None:
        self.receiver.kill()

    def start(self) -> None:
        self.receiver.start()


@pytest.fixture
def rig(receiver: Receiver, tmp_path: Path) -> Iterator[Rig]:
    with Relay(receiver.port) as relay:
        yield Rig(receiver, relay, tmp_path)


@pytest.mark.parametrize(
    "check",
    contract.checks(
        contract.KNOWS, contract.REFUSES, contract.STOPS, contract.LOSES, contract.LOCKS
    ),
)
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


def test_a_wrong_token_is_not_the_batchs_fault_and_says_what_to_do(rig: Rig) -> None:
    with closing(rig.stranger(new_stream())) as sink, pytest.raises(SinkUnavailableError) as told:
        sink.cursor()
    assert "token_file" in str(told.value)


def test_a_connection_is_kept(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        before = rig.relay.done["connections"]
        for after in range(0, 30, 3):
            sink.send(cut(stream, after))
        assert rig.relay.done["connections"] == before


@pytest.mark.parametrize("odds", [0.05, 0.3])
def test_a_bad_line_loses_nothing_and_doubles_nothing(rig: Rig, odds: float) -> None:
    stream = new_stream()
    with Relay(rig.receiver.port, odds=odds, seed=7) as relay:
        sink = rig.sink(stream, url=f"http://127.0.0.1:{relay.port}", timeout_s=0.5)
        with closing(sink):
            at = contract.patiently(sink) or Cursor()
            while at.seq < 60:
                try:
                    at = sink.send(cut(stream, at.seq)).cursor
                except SinkGapError as gap:
                    at = Cursor(gap.seq, gap.position)
                except SinkUnavailableError:
                    at = contract.patiently(sink) or Cursor()
    assert seqs(rig, stream) == list(range(1, 61))


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, Authority, Path]]:
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder / "ca", "test authority")
    certificate, key = authority.issue("receiver", "IP:127.0.0.1")
    clients = ("--client-ca", str(authority.certificate))
    files = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with Receiver(folder, *files, *clients) as receiver:
        yield receiver, authority, folder


def _trusting(
    secure: tuple[Receiver, Authority, Path], host: str = "127.0.0.1", **other: str
) -> Settings:
    receiver, authority, _ = secure
    shown = dict(zip(("cert_file", "key_file"), map(str, authority.issue("north")), strict=True))
    given = {"ca_file": str(authority.certificate), **shown, **other}
    return Settings(f"https://{host}:{receiver.port}", timeout_s=20.0, **given)


def test_with_the_right_authority_and_certificate_rows_arrive(
    secure: tuple[Receiver, Authority, Path],
) -> None:
    stream = new_stream()
    with closing(Sink(_trusting(secure), stream)) as sink:
        assert sink.cursor() == Cursor()
        assert sink.send(cut(stream, 0)).cursor.seq == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"ca_file": ""},
        {"host": "localhost"},
        {"cert_file": "", "key_file": ""},
        {"ca_file": "/nowhere/ca.pem"},
    ],
)
def test_what_cannot_be_trusted_is_not_talked_to(
    secure: tuple[Receiver, Authority, Path], changes: dict[str, str]
) -> None:
    sink = Sink(_trusting(secure, **changes), new_stream())
    with pytest.raises(SinkUnavailableError):
        sink.cursor()
    sink.close()


# -- servers that are something else ---------------------------------------------------------------

PAGE = b"<!DOCTYPE html><html><body>Please accept our terms</body></html>"
EMPTY = b'{"cursor":{"seq":0,"position":""},"refused":[],"rows_per_s":null,"wait_s":0}'
TAKEN = b'{"cursor":{"seq":3,"position":"report:30"},"refused":[],"rows_per_s":7,"wait_s":2.5}'


def _send(server: RawServer, **other: Any) -> object:
    """What becomes of a batch of three rows: the answer, or the error."""
    stream = Stream("north", "e1", "live")
    settings = Settings(server.url, **{"timeout_s": 1.0, "connect_timeout_s": 5.0, **other})
    with closing(Sink(settings, stream)) as sink:
        try:
            sink.cursor()
            return sink.send(cut(stream, 0))
        except SinkError as error:
            return error


@pytest.mark.parametrize(
    "answer",
    [
        said(200, PAGE, "text/html"),
        said(200, PAGE, "application/json"),
        said(200, b"", "application/json"),
        said(200, b"{}", "application/json"),
        said(200, b"[]", "application/json"),
        said(200, b"null", "application/json"),
        said(200, b"ok", "text/plain"),
        said(200, EMPTY, "application/json"),
        said(200, b'{"cursor":{"seq":"3","position":""}}', "application/json"),
        said(200, b'{"cursor":{"seq":true,"position":""}}', "application/json"),
        said(200, b'{"cursor":{"seq":2,"position":""}}', "application/json"),
        said(200, b'{"cursor":' + b"[" * 100_000, "application/json"),
        said(204, b"", "application/json"),
        said(302, b"", "text/html", "Location: http://portal.example/"),
        said(511, PAGE, "text/html"),
        said(404, b"", "text/plain"),
        said(405, b"", "text/plain"),
        said(400, PAGE, "text/html"),
        said(407, PAGE, "text/html"),
        said(500, b"", "text/plain"),
        said(200, TAKEN, "application/json")[:-9],
        b"HTTP/1.1 banana\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_receivers_word_never_counts_as_taken_and_refuses_nothing(answer: bytes) -> None:
    with RawServer(said(200, EMPTY), answer) as server:
        assert type(_send(server)) is SinkUnavailableError
    with RawServer(answer) as server:
        assert isinstance(_send(server), SinkUnavailableError | SinkGapError)


def test_an_answer_that_never_ends_is_cut_off() -> None:
    with RawServer(said(200, EMPTY), b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 6_000_000) as server:
        assert type(_send(server)) is SinkUnavailableError


def test_the_receivers_word_is_believed() -> None:
    with RawServer(said(200, EMPTY), said(200, TAKEN)) as server:
        answer = _send(server)
        head, payload = server.requests[1]
    assert (answer.cursor, answer.rows_per_s, answer.wait_s) == (Cursor(3, "report:30"), 7.0, 2.5)  # type: ignore[attr-defined]
    assert head[0] == "POST /v1/batches HTTP/1.1"
    assert {"Content-Encoding: gzip", "Content-Type: application/x-ndjson"} <= set(head)
    assert "Idempotency-Key: north/e1/live/1-3" in head
    assert unpack(payload)[0].last == 3


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_only_what_is_said_about_the_batch_refuses_it(status: int) -> None:
    refusal = said(status, b'{"error":"seq 2 is odd","batch":"north/e1/live/1-3"}')
    with RawServer(said(200, EMPTY), refusal) as server:
        error = _send(server)
    assert type(error) is SinkRefusedError
    assert "seq 2 is odd" in str(error)


@pytest.mark.parametrize(
    "status", [400, 413, 415, 422, 401, 403, 404, 405, 407, 408, 425, 429, 451, 500, 502, 503]
)
def test_everything_else_is_tried_again(status: int) -> None:
    with RawServer(said(200, EMPTY), said(status, b'{"error":"no"}')) as server:
        assert type(_send(server)) is SinkUnavailableError


def test_a_gap_is_told_with_the_position() -> None:
    with RawServer(said(200, EMPTY), said(409, TAKEN)) as server:
        error = _send(server)
    assert isinstance(error, SinkGapError)
    assert (error.seq, error.position) == (3, "report:30")


@pytest.mark.parametrize(
    ("words", "date", "wait_s"),
    [
        ("7", "", 7.0),
        ("999999999999", "", 3_600.0),
        ("-1", "", 0.0),
        ("soon", "", 0.0),
        ("\u0663", "", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "Date: Fri, 31 Dec 1999 23:59:29 GMT", 30.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "Date: Fri, 31 Dec 2010 23:59:29 GMT", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "", 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "Date: Fri, 31 Dec 1999 23:59:29 -0000", 0.0),
    ],
)
def test_retry_after_is_told(words: str, date: str, wait_s: float) -> None:
    more = [f"Retry-After: {words}", *([date] if date else [])]
    with RawServer(said(200, EMPTY), said(503, b"", "text/plain", *more)) as server:
        error = _send(server)
    assert isinstance(error, SinkUnavailableError)
    assert error.wait_s == wait_s


def test_a_server_that_says_a_byte_now_and_then_does_not_keep_us() -> None:
    with RawServer(said(200, EMPTY), said(200, TAKEN), drip_s=0.05) as server:
        begun = time.monotonic()
        error = _send(server, timeout_s=0.3, connect_timeout_s=0.3)
        assert isinstance(error, SinkUnavailableError)
        assert "in time" in str(error)
        assert time.monotonic() - begun < 20


def test_a_server_that_says_nothing_does_not_keep_us() -> None:
    with RawServer(said(200, EMPTY), None) as server:
        assert isinstance(_send(server, timeout_s=0.3), SinkUnavailableError)


def test_close_ends_a_request_of_another_thread() -> None:
    stream = Stream("north", "e1", "live")
    with RawServer(said(200, EMPTY), None) as server:
        sink = Sink(Settings(server.url, timeout_s=60.0), stream)
        sink.cursor()
        found: list[object] = []

        def send() -> None:
            try:
                found.append(sink.send(cut(stream, 0)))
            except SinkError as error:
                found.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        server.wait_for_requests(2)
        sink.close()
        thread.join(20)
    assert not thread.is_alive()
    assert isinstance(found[0], SinkUnavailableError)


# -- foreign endpoints -----------------------------------------------------------------------------


def test_a_foreign_endpoint_gets_lines_of_json_and_its_2xx_counts() -> None:
    with RawServer(said(202, b"thanks", "text/plain")) as server:
        answer = _send(server, receiver=False)
        ((head, payload),) = server.requests
    assert answer.cursor == Cursor(3, "report:30")  # type: ignore[attr-defined]
    assert head[0] == "POST / HTTP/1.1"
    lines = gzip.decompress(payload).decode().splitlines()
    assert [json.loads(line).get("seq") for line in lines] == [None, 1, 2, 3]


@pytest.mark.parametrize(
    "answer",
    [
        said(200, PAGE, "text/html"),
        said(200, b"  " + PAGE, "application/json"),
        said(302, b"", "text/plain", "Location: /login"),
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nthan",
        said(404, b"{}"),
        said(409, b"{}"),
        said(503, b"{}"),
    ],
)
def test_of_a_foreign_endpoint_a_page_or_a_redirect_is_no_word(answer: bytes) -> None:
    with RawServer(answer) as server:
        assert type(_send(server, receiver=False)) is SinkUnavailableError


def test_a_foreign_endpoint_may_want_its_token_elsewhere(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("ApiKey abc\n")
    with RawServer(said(200, b"{}")) as server:
        _send(server, receiver=False, token_file=str(token), token_header="X-Api-Key")
        ((head, _),) = server.requests
    assert "X-Api-Key: ApiKey abc" in head
    assert not any(line.startswith("Authorization") for line in head)


def test_a_foreign_endpoint_has_to_refuse_twice() -> None:
    stream = Stream("north", "e1", "live")
    with RawServer(said(400, b"{}")) as server:
        sink = Sink(Settings(server.url, receiver=False, timeout_s=5.0), stream)
        for expected in (SinkUnavailableError, SinkRefusedError):
            assert sink.cursor() is None
            with pytest.raises(SinkError) as told:
                sink.send(cut(stream, 0))
            assert type(told.value) is expected
        sink.close()


# -- a proxy ---------------------------------------------------------------------------------------


def test_a_proxy_is_asked_to_connect_us() -> None:
    opened_ = b"HTTP/1.1 200 Connection established\r\n\r\n"
    with RawServer(opened_, said(200, EMPTY), said(200, TAKEN)) as server:
        stream = Stream("north", "e1", "live")
        settings = Settings("http://receiver.example:8480/edge", proxy=server.url, timeout_s=5.0)
        with closing(Sink(settings, stream)) as sink:
            assert sink.cursor() == Cursor()
            assert sink.send(cut(stream, 0)).cursor.seq == 3
        heads = [head[0] for head, _ in server.requests]
    assert heads[0].startswith("CONNECT receiver.example:8480 HTTP/1.")
    assert heads[1].startswith("GET /edge/v1/cursor?gateway=north&epoch=e1&lane=live ")
    assert heads[2].startswith("POST /edge/v1/batches ")


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"url": "ftp://x"},
        {"url": "receiver.example"},
        {"url": "https://"},
        {"url": "https://user:secret@x"},
        {"url": "https://x", "key_file": "key"},
        {"url": "https://x", "timeout_s": 0},
        {"url": "https://x", "proxy": "https://proxy"},
        {"url": "https://x:port"},
        {"url": "https://x/?q=1"},
        {"url": "https://x", "token_header": "X-Api-Key"},
        {"url": "https://x", "receiver": False, "token_header": "X: y"},
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Settings(**given)


def test_a_url_may_have_a_path_and_a_port() -> None:
    assert place_of("https://x:8443/edge/")[:3] == ("x", 8443, "/edge")
    assert place_of("http://x")[1] == 80
    assert place_of("http://x/?q=1").path == "/?q=1"
    assert place_of("http://[::1]:8480/a?q=1")[:3] == ("::1", 8480, "/a?q=1")
