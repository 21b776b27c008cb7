"""The receiver as a process, over HTTP: killed, flooded, lied to."""

import gzip
import http.client
import itertools
import json
import random
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Batch, Cursor, Stream, pack
from gateway.errors import SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks.http import Settings, Sink
from tests.fakes.postgres import PASSWORD, PROGRAMS, Postgres
from tests.fakes.receiver import TOKEN, Receiver, token_file
from tests.fakes.waiting import wait_until
from tests.sinks.contract import cut, new_stream, patiently, reading

pytest.importorskip("uvicorn", reason="needs uvicorn and starlette")
pytest.importorskip("starlette", reason="needs uvicorn and starlette")

OTHER = "a-token-for-the-south-alone"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    tokens = token_file(folder, TOKEN, f"{OTHER} south")
    with Receiver(folder, "--token-file", str(tokens)) as receiver:
        yield receiver


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = json.loads(self.body)
        return tree


def ask(
    receiver: Receiver, method: str, target: str, body: bytes = b"", token: str = TOKEN, **more: str
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=30)
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(connection):
        connection.request(method, target, body or None, headers)
        return Reply(connection.getresponse())


def post(receiver: Receiver, batch: Batch, token: str = TOKEN, **more: str) -> Reply:
    return ask(receiver, "POST", "/v1/batches", batch.payload, token, **more)


def asking(stream: Stream) -> str:
    return f"/v1/cursor?gateway={stream.gateway}&epoch={stream.epoch}&lane={stream.lane}"


# -- the wire --------------------------------------------------------------------------------------


def test_the_wire_is_as_the_page_says(receiver: Receiver) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    reply = post(receiver, batch, Idempotency_Key=batch.id, Content_Encoding="gzip")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    whole = {
        "cursor": {"seq": 3, "position": "report:30"},
        "refused": [],
        "rows_per_s": None,
        "wait_s": 0.0,
    }
    assert reply.tree == whole
    assert ask(receiver, "GET", asking(stream)).tree == whole
    gap = post(receiver, cut(stream, 9))
    assert (gap.status, gap.tree["cursor"]) == (409, {"seq": 3, "position": "report:30"})


def test_a_batch_that_a_proxy_has_unpacked_is_taken(receiver: Receiver) -> None:
    stream = new_stream()
    plain = gzip.decompress(cut(stream, 0).payload)
    assert ask(receiver, "POST", "/v1/batches", plain).tree["cursor"]["seq"] == 3


@pytest.mark.parametrize("token", ["", "a-token-that-is-guessed", TOKEN[:-1]])
def test_without_the_token_nothing_is_looked_at(receiver: Receiver, token: str) -> None:
    stream = new_stream()
    for reply in (
        post(receiver, cut(stream, 0), token),
        ask(receiver, "GET", asking(stream), token=token),
    ):
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert receiver.seqs(stream) == []


def test_a_token_of_one_gateway_writes_no_others_rows(receiver: Receiver) -> None:
    north, south = new_stream(), new_stream(gateway="south")
    assert post(receiver, cut(north, 0), OTHER).status == 403
    assert ask(receiver, "GET", asking(north), token=OTHER).status == 403
    assert post(receiver, cut(south, 0), OTHER).status == 200
    assert receiver.seqs(north) == []


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (gzip.compress(b"nonsense\n", mtime=0), 400),
        (b"\x1f\x8b" + b"\0" * 100, 400),
        (gzip.compress(b"{}\n" * 100_002, 1, mtime=0), 413),
    ],
)
def test_what_is_no_batch_is_refused_by_name(
    receiver: Receiver, payload: bytes, status: int
) -> None:
    reply = ask(receiver, "POST", "/v1/batches", payload, Idempotency_Key="north/e/live/1-2")
    assert reply.status == status
    assert reply.tree["batch"] == "north/e/live/1-2"
    assert reply.tree["error"]


def test_a_key_of_another_batch_is_refused(receiver: Receiver) -> None:
    assert post(receiver, cut(new_stream(), 0), Idempotency_Key="another").status == 400


def test_a_bomb_does_not_go_off(receiver: Receiver) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b"\n" * 500_000_000) + packer.flush()
    assert ask(receiver, "POST", "/v1/batches", bomb).status == 400
    assert _peak_mib(receiver) < 250


def _peak_mib(receiver: Receiver) -> int:
    assert receiver.process is not None
    lines = Path(f"/proc/{receiver.process.pid}/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)["VmHWM"].split()[0]) // 1024


def test_a_body_that_is_too_long_is_not_read(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
        sock.settimeout(30)
        head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        sock.sendall(f"{head}Content-Length: 9000000\r\n\r\n".encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_without_a_length_is_bounded_too(receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
        sock.settimeout(30)
        head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        sock.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with suppress(OSError):
            for _ in range(9):
                sock.sendall(chunk)
        answer = b""
        with suppress(OSError):
            answer = sock.recv(100)
        assert answer.startswith(b"HTTP/1.1 413") or not answer


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/v1/batches"),
        ("POST", "/v1/cursor"),
        ("GET", "/v1/cursor"),
        ("GET", "/v1/cursor?gateway=a&epoch=b"),
        ("GET", "/v1/cursor?gateway=a&epoch=b&lane=%00"),
        ("DELETE", "/v1/batches"),
        ("GET", "/../../etc/passwd"),
    ],
)
def test_everything_else_is_no_route(receiver: Receiver, method: str, target: str) -> None:
    reply = ask(receiver, method, target)
    assert reply.status in (400, 404, 405)
    assert reply.tree["error"]


@pytest.mark.parametrize(
    "noise", [b"\0" * 100, b"GET\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/9\r\n"]
)
def test_noise_on_the_port_harms_nobody(receiver: Receiver, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as sock:
        sock.sendall(noise)
    stream = new_stream()
    assert post(receiver, cut(stream, 0)).status == 200


def test_bad_rows_are_refused_and_the_rest_goes_in(receiver: Receiver) -> None:
    stream = new_stream()
    lines = gzip.decompress(cut(stream, 0, 4).payload).split(b"\n")
    lines[2] = b"\xf0\x9f\x94\xa7 this is no row"
    reply = ask(receiver, "POST", "/v1/batches", gzip.compress(b"\n".join(lines), mtime=0))
    assert [one["seq"] for one in reply.tree["refused"]] == [2]
    assert receiver.seqs(stream) == [1, 3, 4]
    kept = "SELECT r.line FROM refused r JOIN stream s ON s.id = r.stream WHERE s.epoch = ?"
    assert receiver.query(kept, stream.epoch) == [("\U0001f527 this is no row",)]
    assert receiver.logged("rows_refused")[-1]["count"] == 1


# -- killed ----------------------------------------------------------------------------------------


def test_killed_again_and_again_in_the_middle_it_holds_every_row_once(tmp_path: Path) -> None:
    """What was answered is there, what was not is sent again; batches are cut differently then."""
    chance, streams = random.Random(5), [new_stream(lane) for lane in ("live", "backfill")]
    kills, total = 12, 6_000
    receiver = Receiver(tmp_path).start()
    done = threading.Event()
    held: dict[Stream, int] = {}

    def send(stream: Stream, seed: int) -> None:
        own = random.Random(seed)
        with closing(Sink(Settings(receiver.url, timeout_s=20.0), stream)) as sink:
            at = patiently(sink) or Cursor()
            while at.seq < total or not done.is_set():
                batch = cut(stream, at.seq, own.randint(1, 300))
                try:
                    at = sink.send(batch).cursor
                    if own.random() < 0.2:
                        assert sink.send(batch).cursor.seq >= at.seq
                    held[stream] = at.seq
                except SinkGapError as gap:
                    at = Cursor(gap.seq, gap.position)
                except SinkUnavailableError:
                    at = patiently(sink) or Cursor()
                    assert at.seq >= held.get(stream, 0)
                    held[stream] = at.seq  # it may have died between its commit and its answer

    threads = [threading.Thread(target=send, args=(one, n)) for n, one in enumerate(streams)]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        before = sum(held.values())
        wanted = before + chance.randint(1, 1_500)
        wait_until(lambda wanted=wanted: sum(held.values()) >= wanted, "rows arrive")
        receiver.kill()
        receiver.start()
    done.set()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    for stream in streams:
        assert receiver.seqs(stream) == list(range(1, held[stream] + 1))
        assert held[stream] >= total
    receiver.kill()


def test_a_stop_finishes_what_is_in_hand_and_exits_0(tmp_path: Path) -> None:
    stream = new_stream()
    receiver = Receiver(tmp_path).start()
    assert post(receiver, cut(stream, 0, 5_000)).status == 200
    with socket.create_connection(("127.0.0.1", receiver.port)):  # somebody who says nothing
        assert receiver.stop() == 0
    assert receiver.logged("receiver_stopped")
    assert len(receiver.seqs(stream)) == 5_000


def test_a_receiver_that_lost_its_data_says_so_and_gets_it_again(tmp_path: Path) -> None:
    stream = new_stream()
    receiver = Receiver(tmp_path).start()
    sink = Sink(Settings(receiver.url, timeout_s=20.0), stream)
    assert sink.cursor() == Cursor()
    sink.send(cut(stream, 0))
    receiver.kill()
    for file in tmp_path.glob("receiver.db*"):
        file.unlink()
    receiver.start()
    assert sink.cursor() == Cursor()
    with pytest.raises(SinkGapError):
        sink.send(cut(stream, 3))
    assert sink.send(cut(stream, 0)).cursor.seq == 3
    sink.close()
    receiver.kill()


# -- many at once ----------------------------------------------------------------------------------


def test_many_gateways_send_at_once_and_each_keeps_its_order(receiver: Receiver) -> None:
    streams = [new_stream(gateway=f"gw-{n}") for n in range(12)]

    def send(stream: Stream) -> None:
        sink = Sink(Settings(receiver.url, token_file=str(token), timeout_s=60.0), stream)
        with closing(sink):
            at = patiently(sink) or Cursor()
            while at.seq < 200:
                try:
                    at = sink.send(cut(stream, at.seq, 10)).cursor
                except SinkUnavailableError:
                    at = patiently(sink) or Cursor()

    token = receiver.folder / "token"
    token.write_text(TOKEN)
    threads = [threading.Thread(target=send, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for stream in streams:
        assert receiver.seqs(stream) == list(range(1, 201))


def test_a_hundred_who_say_nothing_keep_nobody_out(receiver: Receiver) -> None:
    silent = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(100)]
    for sock in silent:
        sock.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Le")
    stream = new_stream()
    assert post(receiver, cut(stream, 0)).status == 200
    for sock in silent:
        sock.close()


def test_credit_is_shared_and_who_does_not_heed_it_is_sent_away(tmp_path: Path) -> None:
    with Receiver(tmp_path, "--rows-per-s", "100") as receiver:
        one, other = new_stream(), new_stream(gateway="south")
        assert post(receiver, cut(one, 0, 10)).tree["rows_per_s"] == 100
        assert post(receiver, cut(other, 0, 10)).tree["rows_per_s"] == 50
        reply = post(receiver, cut(one, 10, 2_000))
        assert reply.status == 200
        assert reply.tree["wait_s"] > 20
        again = post(receiver, cut(one, 2_010, 1))
        assert again.status == 429
        assert int(again.headers["Retry-After"]) > 20
        assert post(receiver, cut(other, 10, 10)).status == 200


# -- refused beginnings ----------------------------------------------------------------------------


def _exit(*options: str, folder: Path) -> tuple[int, str]:
    receiver = Receiver(folder, *options)
    with pytest.raises(AssertionError):
        receiver.start()
    assert receiver.process is not None
    code = receiver.process.wait(30)
    return code, receiver.log.read_text()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--listen", "0.0.0.0:8480"), 2, "--token-file"),
        (("--mqtt", "http://x"), 2, "--mqtt"),
        (("--mqtt", "mqtt://user:secret@x"), 2, "--mqtt"),
        (("--listen", "none"), 2, "--listen none needs --mqtt"),
        (("--listen", "127.0.0.1:nowhere"), 2, "nowhere"),
        (("--store", "/nowhere/receiver.db"), 1, "/nowhere/receiver.db"),
        (("--rows-per-s", "0"), 2, "rows-per-s"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    found, text = _exit(*options, folder=tmp_path)
    assert found == code
    assert words in text


def test_a_port_that_is_taken_is_said(tmp_path: Path, receiver: Receiver) -> None:
    code, text = _exit("--listen", f"127.0.0.1:{receiver.port}", folder=tmp_path)
    assert code == 1
    assert "cannot listen" in text


def test_a_refusal_of_the_whole_batch_reaches_the_sink(receiver: Receiver) -> None:
    stream = new_stream()
    token = receiver.folder / "token"
    token.write_text(TOKEN)
    batch = cut(stream, 0)
    with closing(Sink(Settings(receiver.url, token_file=str(token)), stream)) as sink:
        sink.cursor()
        with pytest.raises(SinkRefusedError, match="rows are announced"):
            sink.send(Batch(batch.header, _without_a_row(batch)))


def _without_a_row(batch: Batch) -> bytes:
    lines = gzip.decompress(batch.payload).split(b"\n")
    return gzip.compress(b"\n".join(itertools.chain(lines[:2], lines[3:])), mtime=0)


def test_a_row_as_long_as_a_book_is_kept_aside(receiver: Receiver) -> None:
    stream = new_stream()
    rows = [{**reading(1), "note": "x" * 2_000_000}, reading(2)]
    reply = post(receiver, pack(stream, 0, rows, "report:2"))
    assert [one["seq"] for one in reply.tree["refused"]] == [1]
    assert receiver.seqs(stream) == [2]


def test_with_postgresql_behind_it_that_dies_and_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="needs psycopg")
    if PROGRAMS is None:
        pytest.skip("needs postgresql")
    server = Postgres()
    server.start().make_database()
    where = (
        f"postgresql://edge@127.0.0.1:{server.port}/edge?password={PASSWORD.replace(' ', '%20')}"
    )
    stream = new_stream()
    with Receiver(tmp_path, store=where) as receiver:
        sink = Sink(Settings(receiver.url, timeout_s=20.0), stream)
        assert patiently(sink) == Cursor()
        assert sink.send(cut(stream, 0)).cursor.seq == 3
        server.kill()
        with pytest.raises(SinkUnavailableError) as told:
            sink.send(cut(stream, 3))
        assert told.value.wait_s > 0
        server.start()
        assert patiently(sink) == Cursor(3, "report:30")
        receiver.kill()
        receiver.start()
        assert patiently(sink) == Cursor(3, "report:30")
        assert sink.send(cut(stream, 3)).cursor.seq == 6
        assert server.ask("SELECT seq FROM edge.reading ORDER BY seq") == [
            (seq,) for seq in range(1, 7)
        ]
        sink.close()
    server.remove()


def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, where the time it is given can be short."""
    import uvicorn

    from gateway.adapters import http_patience

    async def nobody(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    monkeypatch.setattr(http_patience, "HEAD_S", 0.2)
    bound = socket.create_server(("127.0.0.1", 0))
    made = uvicorn.Config(nobody, http=http_patience.Protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(made)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for said in (b"", whole[:20], whole + whole[:20]):
        with socket.create_connection(bound.getsockname()) as sock:
            sock.settimeout(20)
            sock.sendall(said)
            with suppress(ConnectionResetError):
                while sock.recv(1_000):  # until it is closed
                    pass
    server.should_exit = True
    thread.join(30)
    bound.close()
