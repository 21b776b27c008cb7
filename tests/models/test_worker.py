"""The worker's own side, in this process: what the daemon's side sees is in tests/adapters."""

import socket
import struct
import time

import numpy as np
import pytest

from gateway.core.frames import HEAD, Frame, FrameError, decode, encode
from gateway.errors import PackageError
from gateway.models.package import unpack
from gateway.models.session import RunError, open_session
from gateway.models.watchdog import Watchdog
from gateway.models.worker import Desk, questions
from tests.models import make

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make.write(tmp_path_factory.mktemp("package"), make.autoencoder())


@pytest.fixture
def desk(package):
    desk = Desk()
    ask(desk, op="load", name="ae", path=str(package.path))
    return desk


def ask(desk, block=b"", **header):
    return decode(desk.answer(Frame({"seq": 1, "limit_s": LIMIT_S, **header}, block)))


def test_an_answer_holds_the_scores_then_each_output(desk):
    count = 3
    cells = np.random.default_rng(2).normal(size=(count, make.ROWS, make.CHANNELS))
    groups = [["ae", count, make.ROWS, make.CHANNELS]]
    answer = ask(desk, cells.tobytes(), op="judge", groups=groups)
    assert answer.header["groups"] == [
        {"outputs": [["score", 1], ["residuals", make.CHANNELS]], "refused": {}}
    ]
    numbers = np.frombuffer(answer.block)
    assert numbers[:count].tolist() == numbers[count : 2 * count].tolist()
    assert len(numbers) == count * (1 + 1 + make.CHANNELS)


def test_a_window_that_is_not_finite_is_refused_and_the_others_are_judged(desk):
    cells = np.zeros((2, make.ROWS, make.CHANNELS))
    cells[0, 0, 0] = np.nan
    groups = [["ae", 2, make.ROWS, make.CHANNELS]]
    (group,) = ask(desk, cells.tobytes(), op="judge", groups=groups).header["groups"]
    assert group["refused"] == {"0": "non-finite input"}


def test_groups_that_cannot_be_judged_say_why(desk):
    block = bytes(8 * (make.ROWS * 2 + 1))
    groups = [["ae", 1, make.ROWS, 2], ["nobody", 1, 1, 1]]
    answer = ask(desk, block, op="judge", groups=groups).header["groups"]
    assert [group["error"] for group in answer] == [
        f"a window of {make.ROWS} x 2, expected {make.ROWS} x {make.CHANNELS}",
        "no such model",
    ]


def test_a_refused_package_is_an_answer(desk, tmp_path):
    answer = ask(desk, op="load", name="x", path=str(tmp_path))
    assert answer.header["refused"].startswith("manifest.json: expected a readable file")


def test_an_unloaded_model_is_forgotten(desk):
    ask(desk, op="unload", name="ae")
    groups = [["ae", 0, make.ROWS, make.CHANNELS]]
    assert ask(desk, op="judge", groups=groups).header["groups"] == [{"error": "no such model"}]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"op": "dance"},
        {"op": "load"},
        {"op": "judge"},
        {"op": "judge", "groups": [["ae", 1]]},
        {"op": "judge", "groups": [["ae", 1, make.ROWS, make.CHANNELS]]},
        {"op": "judge", "groups": [], "limit_s": "soon"},
    ],
)
def test_a_malformed_question_is_a_frame_error(header, desk):
    with pytest.raises(FrameError):
        ask(desk, **header)


def test_questions_end_with_the_socket_and_not_before():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode({"seq": 1}, b"12345678") + encode({"seq": 2}) + b"egw1")
        ours.shutdown(socket.SHUT_WR)
        frames = list(questions(theirs))
    assert [frame.header["seq"] for frame in frames] == [1, 2]
    assert frames[0].block == b"12345678"


def test_a_frame_cut_short_by_the_end_is_no_question():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encode({"seq": 1}, b"12345678")[:-1])
        ours.shutdown(socket.SHUT_WR)
        assert list(questions(theirs)) == []


def test_a_stranger_on_the_socket_is_a_frame_error():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack(f"{HEAD.size}s", b"GET / HTTP/1.1"))
        with pytest.raises(FrameError):
            list(questions(theirs))


def opened(directory, recipe, **changes):
    package, contents = unpack(make.write(directory, recipe, **changes).path)
    return open_session(package, contents, Watchdog(), LIMIT_S)


def test_a_run_past_its_deadline_is_a_run_error(tmp_path):
    session = opened(tmp_path, make.sloth())
    with pytest.raises(RunError, match=r"^deadline$"):
        session.judge(np.full((1, 1, 1), 900.0), time.monotonic() - 1)


def test_an_output_of_another_shape_than_declared_is_a_run_error(tmp_path):
    """NonZero gives one column per number that is not zero: the golden vectors cannot show it."""
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("NonZero", "flat", "places"),
        make.node("Transpose", "places", "rows", perm=[1, 0]),
        make.node("Cast", "rows", "numbers", to=make.FLOAT),
        make.node("ReduceSum", "numbers axis", "score", keepdims=1),
    ]
    recipe = make.one_cell(nodes, [make.tensor("axis", [1], np.int64)], golden=1.0)
    session = opened(tmp_path, recipe)
    with pytest.raises(RunError, match=r"output 'score' is float32\[0, 1\], expected \[1, 1\]"):
        session.judge(np.zeros((1, 1, 1)), time.monotonic() + LIMIT_S)


def test_golden_windows_that_the_model_cannot_judge_are_a_refusal(tmp_path):
    recipe = make.logarithm()
    package = make.write(tmp_path, recipe)
    golden = tmp_path / "golden.json"
    golden.write_text(golden.read_text().replace("0.25", "-0.25"))
    make.seal(tmp_path, make.document(recipe))
    with pytest.raises(PackageError, match=r"windows\[0\]: expected the golden outputs, found non"):
        open_session(*unpack(package.path), Watchdog(), LIMIT_S)
