"""The NATS sink on a real server."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Cursor, Row, Stream, unpack
from gateway.errors import SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks.nats import Settings, Sink
from gateway.sinks.nats_line import subject
from tests.fakes.authority import Authority
from tests.fakes.nats import PROGRAM, Nats
from tests.fakes.relay import Relay
from tests.sinks import contract
from tests.sinks.contract import Check, cut, new_stream, opened, patiently, seqs

nats = pytest.importorskip("nats", reason="needs nats-py")
pytest.importorskip("nkeys", reason="needs nkeys")
if PROGRAM is None:
    pytest.skip("needs nats-server", allow_module_level=True)

TOKEN = "let-us-in"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    lines = f'authorization {{ token: "{TOKEN}" }}'
    server = Nats(tmp_path_factory.mktemp("nats") / "server", lines).start()
    yield server
    server.kill()


def ask(port: int, what: Callable[[Any], Any], **options: Any) -> Any:
    """What JetStream says to somebody else."""

    async def go() -> Any:
        client = await nats.connect(f"nats://127.0.0.1:{port}", token=TOKEN)
        try:
            return await what(client.jetstream(timeout=10, **options))
        finally:
            await client.close()

    return asyncio.run(go())


def messages(port: int, of: str, stream: str = "EDGE", **options: Any) -> list[bytes]:
    """What a subject holds, in its order."""

    async def read(context: Any) -> list[bytes]:
        info = await context.stream_info(stream, subjects_filter=of)
        count = (info.state.subjects or {}).get(of, 0)
        found, number = [], 0
        for _ in range(count):
            message = await context.get_msg(stream, seq=number + 1, subject=of, next=True)
            found.append(message.data)
            number = message.seq
        return found

    return list(ask(port, read, **options))


class Rig:
    """The sink, a relay, and the server behind it."""

    def __init__(self, server: Nats, relay: Relay, folder: Path) -> None:
        self.server, self.relay = server, relay
        right, self._wrong = folder / "right", folder / "wrong"
        right.write_text(TOKEN + "\n")
        self._wrong.write_text("guessed\n")
        self.settings = Settings(
            (f"nats://127.0.0.1:{relay.port}",), token_file=str(right), timeout_s=20.0
        )

    def sink(self, stream: Stream, /, **other: Any) -> Sink:
        return Sink(replace(self.settings, **other), stream)

    def stranger(self, stream: Stream) -> Sink:
        return self.sink(stream, token_file=str(self._wrong))

    def rows(self, stream: Stream) -> list[Row]:
        held = messages(self.server.port, subject("edge", stream))
        return [row for payload in held for row in unpack(payload)[1]]

    def bad_row(self) -> Row:
        raise NotImplementedError

    def losing(self) -> AbstractContextManager[None]:
        return self.relay.losing(b"HPUB edge.")

    def stop(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


@pytest.fixture
def rig(server: Nats, tmp_path: Path) -> Iterator[Rig]:
    with Relay(server.port) as relay:
        rig = Rig(server, relay, tmp_path)
        with opened(rig, new_stream()):
            pass  # the stream is there, for whoever looks first
        yield rig


@pytest.mark.parametrize(
    "check", contract.checks(contract.KNOWS, contract.STOPS, contract.LOSES, contract.LOCKS)
)
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


def test_a_message_is_the_batch_as_it_was_cut(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    with opened(rig, stream) as sink:
        sink.send(batch)
    assert messages(rig.server.port, subject("edge", stream)) == [batch.payload]


def test_names_become_tokens_of_a_subject() -> None:
    stream = Stream("plant.1 > *", "e1", "live")
    assert subject("edge", stream) == "edge.plant%2E1%20%3E%20%2A.e1.live"


def test_a_batch_may_be_as_long_as_the_server_says(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        assert 700_000 < sink.most_bytes < 1_048_576
        batch = cut(stream, 0)
        padded = replace(batch, payload=batch.payload + bytes(1_048_577))
        with pytest.raises(SinkRefusedError, match="max_payload"):
            sink.send(padded)
        sink.cursor()
        assert sink.send(batch).cursor.seq == 3


def test_where_the_last_message_was_deleted_our_own_record_counts(rig: Rig) -> None:
    stream = new_stream()
    of = subject("aged", stream)
    with opened(rig, stream, stream="AGED", subject="aged") as sink:
        sink.send(cut(stream, 0))
        ask(rig.server.port, lambda context: context.purge_stream("AGED", subject=of))
        assert sink.cursor() is None
        assert sink.send(cut(stream, 3)).cursor == Cursor(6, "report:60")
        assert sink.cursor() == Cursor(6, "report:60")
    assert len(messages(rig.server.port, of, "AGED")) == 1


def test_what_another_sender_wrote_is_seen(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as one, opened(rig, stream) as other:
        one.send(cut(stream, 0))
        assert other.send(cut(stream, 0)).cursor.seq == 3
        one.send(cut(stream, 3))
        with pytest.raises(SinkGapError) as told:
            other.send(cut(stream, 3, 5))
        assert told.value.seq == 6


def test_a_subject_with_something_else_on_it_is_not_written_to(rig: Rig) -> None:
    stream = new_stream()
    of = subject("edge", stream)
    ask(rig.server.port, lambda context: context.publish(of, b"hello"))
    with closing(rig.sink(stream)) as sink, pytest.raises(SinkUnavailableError, match="no batch"):
        sink.cursor()


def test_a_full_stream_refuses_and_loses_nothing(rig: Rig) -> None:
    stream = new_stream()

    async def make(context: Any) -> None:
        from nats.js.api import DiscardPolicy

        await context.add_stream(
            name="SMALL", subjects=["small.>"], max_msgs=1, discard=DiscardPolicy.NEW
        )

    ask(rig.server.port, make)
    with opened(rig, stream, stream="SMALL", subject="small") as sink:
        sink.send(cut(stream, 0))
        with pytest.raises(SinkUnavailableError, match="full") as told:
            sink.send(cut(stream, 3))
        assert told.value.wait_s == 60
        assert sink.cursor() == Cursor(3, "report:30")


def test_a_stream_that_may_not_be_made_says_what_to_do(tmp_path: Path) -> None:
    users = 'authorization { users: [{ user: edge, password: "let-us-in", permissions: '
    may = '{ publish: ["edge.>", "$JS.API.STREAM.MSG.GET.EDGE", "$JS.API.STREAM.INFO.EDGE"], '
    server = Nats(tmp_path / "server", users + may + 'subscribe: ["_INBOX.>"] } }] }').start()
    (tmp_path / "password").write_text(TOKEN)
    settings = Settings(
        (f"nats://127.0.0.1:{server.port}",),
        username="edge",
        password_file=str(tmp_path / "password"),
        timeout_s=0.5,
    )
    try:
        with (
            closing(Sink(settings, new_stream())) as sink,
            pytest.raises(SinkUnavailableError, match=r"(?i)permissions violation"),
        ):
            sink.cursor()
    finally:
        server.kill()


def test_a_server_that_is_frozen_is_given_up_in_time(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream, timeout_s=0.3) as sink:
        rig.server.freeze(on=True)
        try:
            with pytest.raises(SinkUnavailableError):
                sink.send(cut(stream, 0))
        finally:
            rig.server.freeze(on=False)
        assert patiently(sink) in (Cursor(), Cursor(3, "report:30"))
        assert sink.send(cut(stream, 0)).cursor.seq == 3
    assert seqs(rig, stream) == [1, 2, 3]


def test_the_first_of_several_servers_that_answers_is_taken(rig: Rig) -> None:
    urls = ("nats://127.0.0.1:1", *rig.settings.url)
    with closing(rig.sink(new_stream(), url=urls)) as sink:
        assert sink.cursor() == Cursor()


def test_every_server_that_does_not_answer_is_named() -> None:
    settings = Settings(("nats://127.0.0.1:1", "nats://127.0.0.1:2"))
    with (
        closing(Sink(settings, new_stream())) as sink,
        pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.1:1.*127\.0\.0\.1:2"),
    ):
        sink.cursor()


def test_tls_is_checked_both_ways(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", "plant")
    certificate, key = authority.issue("server", "IP:127.0.0.1")
    ours, our_key = authority.issue("gateway")
    tls = f'cert_file: "{certificate}", key_file: "{key}", ca_file: "{authority.certificate}"'
    server = Nats(tmp_path / "server", f"tls {{ {tls}, verify: true }}").start()
    url = (f"tls://127.0.0.1:{server.port}",)
    shown = Settings(
        url,
        ca_file=str(authority.certificate),
        cert_file=str(ours),
        key_file=str(our_key),
        connect_timeout_s=1.0,
    )
    try:
        with closing(Sink(shown, new_stream())) as sink:
            assert sink.cursor() == Cursor()
        for wrong in ({"ca_file": ""}, {"cert_file": "", "key_file": ""}):
            with (
                closing(Sink(replace(shown, **wrong), new_stream())) as sink,
                pytest.raises(SinkUnavailableError),
            ):
                sink.cursor()
    finally:
        server.kill()


def test_a_key_of_its_own_opens_the_door(tmp_path: Path) -> None:
    import nkeys

    pair = nkeys.from_seed(nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER))
    (tmp_path / "seed").write_bytes(pair.seed)
    users = f"authorization {{ users: [ {{ nkey: {pair.public_key.decode()} }} ] }}"
    server = Nats(tmp_path / "server", users).start()
    url = (f"nats://127.0.0.1:{server.port}",)
    try:
        with closing(Sink(Settings(url, nkey_file=str(tmp_path / "seed")), new_stream())) as sink:
            assert sink.cursor() == Cursor()
        with (
            closing(Sink(Settings(url), new_stream())) as sink,
            pytest.raises(SinkUnavailableError, match=r"(?i)authorization"),
        ):
            sink.cursor()
    finally:
        server.kill()


def test_a_leaf_node_brings_it_to_its_hub(tmp_path: Path) -> None:
    from tests.fakes.ports import free_port

    leaves = free_port()
    hub = Nats(
        tmp_path / "hub",
        f"server_name: hub\nleafnodes {{ listen: 127.0.0.1:{leaves} }}",
        jetstream="domain: hub",
    ).start()
    leaf = Nats(
        tmp_path / "leaf",
        f'server_name: edge1\nleafnodes {{ remotes: [{{ url: "nats://127.0.0.1:{leaves}" }}] }}',
        jetstream="domain: edge1",
    ).start()
    stream = new_stream()
    settings = Settings((f"nats://127.0.0.1:{leaf.port}",), domain="hub", timeout_s=5.0)
    try:
        with closing(Sink(settings, stream)) as sink:
            patiently(sink)
            sink.send(cut(stream, 0))
            sink.send(cut(stream, 3))
        held = messages(hub.port, subject("edge", stream))
        assert [row["seq"] for payload in held for row in unpack(payload)[1]] == list(range(1, 7))
    finally:
        leaf.kill()
        hub.kill()


def test_nothing_is_left_running_when_it_is_closed(rig: Rig) -> None:
    before = set(threading.enumerate())
    with opened(rig, new_stream()):
        assert any(thread.name == "nats-live" for thread in threading.enumerate())
    assert not any(thread.name == "nats-live" for thread in set(threading.enumerate()) - before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ()},
        {"url": ("http://there",)},
        {"url": ("nats://me:secret@there",)},
        {"subject": "edge.>"},
        {"token_file": "a", "creds_file": "b"},
        {"timeout_s": 0},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Settings(**{"url": ("nats://there",), **wrong})
