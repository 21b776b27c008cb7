import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from array import array
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from gateway.adapters.worker import Job, Worker, WorkerSettings
from gateway.errors import PackageError, WorkerError
from tests.models import make

ROGUE = str(Path(__file__).parents[1] / "fakes" / "rogue_worker.py")
DEADLINE_S = 60.0


def until(condition, deadline_s=DEADLINE_S):
    """Wait for an event, with a deadline."""
    end, pause = time.monotonic() + deadline_s, threading.Event()
    while not condition():
        assert time.monotonic() < end, "waited too long"
        pause.wait(0.01)


def job(name, cells, asset="pump-7"):
    cells = np.asarray(cells, np.float64)
    return Job(name, asset, array("d", cells.ravel().tolist()), *cells.shape)


def one(name, number):
    return job(name, [[number]])


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    root = tmp_path_factory.mktemp("packages")
    special = {"logarithm": make.logarithm, "glutton": make.glutton, "sloth": make.sloth}
    return {
        name: make.write(root / name, recipe()) for name, recipe in (make.KINDS | special).items()
    }


@pytest.fixture(scope="module")
def shared(packages):
    """A worker with every model, for the tests that do it no harm."""
    worker = Worker()
    worker.start()
    for name, package in packages.items():
        worker.load(name, package.path)
    yield worker
    worker.stop()


@pytest.fixture
def worker():
    """A worker to be hurt."""
    worker = Worker()
    worker.start()
    yield worker
    worker.stop()


@pytest.mark.parametrize("kind", make.KINDS)
def test_every_kind_judges_in_one_batch_what_it_judges_alone(kind, shared, packages):
    shape = packages[kind].shape
    cells = np.random.default_rng(3).normal(size=(5, shape.length, len(shape.channels)))
    jobs = [job(kind, window) for window in cells]
    together = shared.judge(jobs, DEADLINE_S)
    alone = [shared.judge([job], DEADLINE_S)[0] for job in jobs]
    assert [answer.error for answer in together] == [None] * 5
    scores = [answer.score for answer in alone]
    assert [answer.score for answer in together] == pytest.approx(scores, rel=1e-5)


@pytest.mark.parametrize("kind", make.KINDS)
def test_every_kind_answers_what_bare_onnxruntime_answers(kind, worker, tmp_path):
    recipe = make.KINDS[kind]()
    package = make.write(tmp_path, recipe)
    worker.load("model", tmp_path)
    cells = np.random.default_rng(4).normal(size=(6, recipe.rows, recipe.channels))
    wanted = make.run(recipe, cells)
    answers = worker.judge([job("model", window) for window in cells], DEADLINE_S)
    for index, answer in enumerate(answers):
        row = wanted[package.output.tensor][index]
        assert answer.score == pytest.approx(float(np.ravel(row)[package.output.column]), rel=1e-5)
        assert set(answer.outputs) == set(wanted)
        for name, values in wanted.items():
            assert answer.outputs[name] == pytest.approx(np.ravel(values[index]), rel=1e-5)


def test_a_load_tells_version_and_hash(shared, packages):
    package = packages["linear"]
    assert shared.load("linear", package.path) == ("linear", "1.0.0", package.sha256)


def test_jobs_of_several_models_come_back_in_their_own_order(shared):
    kinds = ["linear", "gru", "linear", "nobody", "gru"]
    cells = np.random.default_rng(5).normal(size=(5, make.ROWS, make.CHANNELS))
    jobs = [job(kind, window) for kind, window in zip(kinds, cells, strict=True)]
    alone = [shared.judge([job], DEADLINE_S)[0] for job in jobs]
    assert shared.judge(jobs, DEADLINE_S) == alone
    assert alone[3].error == "no such model"


def test_no_job_is_no_answer(shared):
    assert shared.judge([], DEADLINE_S) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("kind", ["gru", "trees", "linear"])
def test_a_number_that_is_not_finite_in_float32_never_reaches_a_session(
    kind, bad, shared, packages
):
    shape = packages[kind].shape
    cells = np.zeros((3, shape.length, len(shape.channels)))
    cells[1, -1, -1] = bad
    answers = shared.judge([job(kind, window) for window in cells], DEADLINE_S)
    assert [answer.error for answer in answers] == [None, "non-finite input", None]
    assert (answers[1].score, answers[1].outputs) == (None, {})


def test_an_output_that_is_not_finite_is_an_error_of_its_job_alone(shared):
    answers = shared.judge([one("logarithm", 1), one("logarithm", -1)], DEADLINE_S)
    assert [(answer.score, answer.error) for answer in answers] == [
        (0.0, None),
        (None, "non-finite output"),
    ]


def test_a_window_of_another_size_is_an_error_of_its_job_alone(shared):
    good = job("linear", np.zeros((make.ROWS, make.CHANNELS)))
    narrow = job("linear", np.zeros((make.ROWS, 2)))
    torn = Job("linear", "pump-7", array("d", [0.0]), make.ROWS, make.CHANNELS)
    answers = shared.judge([narrow, good, torn], DEADLINE_S)
    assert answers[0].error == "a window of 12 x 2, expected 12 x 3"
    assert answers[1].error is None
    assert answers[2].error == "values that are not rows x columns"


def test_a_slow_model_is_ended_inside_the_worker_which_lives_on(shared):
    pid = shared.pid
    (answer,) = shared.judge([one("sloth", 900)], 4.0)
    assert answer.error == "deadline"
    assert shared.judge([one("logarithm", 1)], DEADLINE_S)[0].score == 0.0
    assert shared.pid == pid


def test_a_model_that_wants_too_much_memory_costs_its_answer_and_no_more(shared):
    (answer,) = shared.judge([one("glutton", 2e9)], DEADLINE_S)
    assert answer.error
    assert shared.judge([one("glutton", 4)], DEADLINE_S)[0].score == 8.0


def test_the_worker_sees_no_secret_of_ours_and_reports_to_nobody(packages, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BROKER_PASSWORD", "secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    worker = Worker()
    worker.start()
    try:
        worker.load("gru", packages["gru"].path)
        worker.judge([job("gru", np.zeros((make.ROWS, make.CHANNELS)))], DEADLINE_S)
        process = Path(f"/proc/{worker.pid}")
        seen = process.joinpath("environ").read_bytes().split(b"\0")
        assert b"ORT_DISABLE_TELEMETRY=1" in seen
        assert not any(entry.startswith((b"BROKER_", b"NOTIFY_")) for entry in seen)
        assert list(tmp_path.rglob("*")) == []
        links = [str(entry.readlink()) for entry in process.joinpath("fd").iterdir()]
        assert sum(link.startswith("socket:") for link in links) == 1
        assert len(list(process.joinpath("task").iterdir())) == 2  # itself and the watchdog
    finally:
        worker.stop()


def test_the_worker_offers_itself_to_the_oom_killer_and_has_bounds(shared):
    process = Path(f"/proc/{shared.pid}")
    assert process.joinpath("oom_score_adj").read_text().strip() == "500"
    limits = process.joinpath("limits").read_text()
    rows = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert rows["Max address space"] != "unlimited"
    assert (rows["Max core file size"], rows["Max file size"]) == ("0", "0")
    assert "NoNewPrivs:\t1" in process.joinpath("status").read_text()


def test_a_worker_with_one_small_model_stays_small(worker, packages):
    worker.load("mlp", packages["mlp"].path)
    worker.judge([job("mlp", np.zeros((make.ROWS, make.CHANNELS)))], DEADLINE_S)
    assert worker.rss_bytes > 0
    # Its own pages: how much of the libraries' files is mapped is up to the kernel's page cache,
    # and moves the resident size by 10 MB from one copy of the same files to another.
    status = Path(f"/proc/{worker.pid}/status").read_text("ascii")
    own_kb = int(re.search(r"RssAnon:\s+(\d+)", status)[1])
    assert own_kb <= 40_000


@pytest.fixture
def package(packages, tmp_path):
    shutil.copytree(packages["linear"].path, tmp_path / "package")
    return tmp_path / "package"


def test_a_model_that_does_not_reproduce_its_golden_vectors_is_refused(shared, tmp_path):
    recipe = make.linear()
    made = make.write(tmp_path, recipe)
    (tmp_path / "model.onnx").write_bytes(make.linear().model.SerializeToString())
    make.seal(tmp_path, make.document(recipe))
    with pytest.raises(PackageError, match=r"golden\.json: outputs\.score: expected the golden"):
        shared.load("linear", made.path)


def test_a_model_whose_rows_see_each_other_is_refused(shared, tmp_path):
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("ReduceMean", "flat axis", "mean"),
        make.node("Sub", "flat mean", "score"),
    ]
    recipe = make.Recipe(
        make.model(nodes, [make.tensor("axis", [0], np.int64)], window=("n", 1, 1)),
        rows=1,
        channels=1,
        golden=[[[1.0]], [[3.0]]],
    )
    make.write(tmp_path, recipe)
    with pytest.raises(PackageError, match="off in a batch of 1"):
        shared.load("selfish", tmp_path)


def test_a_model_the_runtime_refuses_is_a_package_error_and_the_old_one_stays(shared, package):
    before = shared.judge([job("linear", np.zeros((make.ROWS, make.CHANNELS)))], DEADLINE_S)
    nodes = [make.node("Gemm", "window window", "score")]  # Gemm takes matrices
    (package / "model.onnx").write_bytes(make.model(nodes).SerializeToString())
    make.seal(package, make.document(make.linear()))
    with pytest.raises(PackageError, match="expected a model onnxruntime loads"):
        shared.load("linear", package)
    after = shared.judge([job("linear", np.zeros((make.ROWS, make.CHANNELS)))], DEADLINE_S)
    assert after == before


def test_a_damaged_package_is_refused_by_the_worker_too(shared, package):
    with (package / "model.onnx").open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(PackageError, match="sha256"):
        shared.load("linear", package)


def test_a_bomb_that_goes_off_at_load_harms_nobody(worker, package, packages):
    nodes, initialisers = make.flat_tail("window", make.ROWS * make.CHANNELS)
    bomb = make.node("ConstantOfShape", "shape", "many", value=make.tensor("v", [1.0]))
    total = make.node("ReduceSum", "many", "sum", keepdims=0)
    model = make.model(
        [bomb, total, *nodes],
        [make.tensor("shape", [2**20, 2**14], np.int64), *initialisers],
        outputs=[("score", make.FLOAT, ("n", 1)), ("sum", make.FLOAT, ())],
    )
    (package / "model.onnx").write_bytes(model.SerializeToString())
    make.seal(package, make.document(make.linear()))
    with pytest.raises((PackageError, WorkerError)):
        worker.load("bomb", package)
    worker.start()
    assert worker.load("linear", packages["linear"].path).name == "linear"


def test_an_unloaded_model_is_gone(worker, packages):
    worker.load("linear", packages["linear"].path)
    worker.unload("linear")
    worker.unload("linear")
    (answer,) = worker.judge([job("linear", np.zeros((make.ROWS, make.CHANNELS)))], DEADLINE_S)
    assert answer.error == "no such model"


def test_mutants_that_pass_the_check_harm_nobody(worker, package):
    content, random_ = (package / "model.onnx").read_bytes(), random.Random(11)
    document, outcomes = make.document(make.linear()), set()
    for _ in range(100):
        data = bytearray(content)
        for _ in range(random_.randint(1, 3)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        (package / "model.onnx").write_bytes(data)
        try:
            make.seal(package, document)
            worker.load("mutant", package)
            outcomes.add("loaded")
        except PackageError:
            outcomes.add("refused")
        except WorkerError:
            worker.start()
    assert "refused" in outcomes
    assert worker.running


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_death_is_told_by_its_signal_and_start_begins_anew(number, worker, packages):
    worker.load("linear", packages["linear"].path)
    os.kill(worker.pid, number)
    with pytest.raises(WorkerError, match=number.name) as caught:
        worker.judge([one("linear", 0)], DEADLINE_S)
    assert caught.value.reason == "died"
    assert (worker.pid, worker.running, worker.rss_bytes) == (None, False, 0)
    worker.start()
    zeros = job("linear", np.zeros((make.ROWS, make.CHANNELS)))
    assert worker.judge([zeros], DEADLINE_S)[0].error == "no such model"
    worker.load("linear", packages["linear"].path)
    assert worker.judge([zeros], DEADLINE_S)[0].error is None


def test_a_death_between_two_questions_is_seen_without_asking(worker):
    os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not worker.running)


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def test_a_worker_that_hangs_is_killed_at_the_deadline(worker):
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(WorkerError, match=r"no answer in 0\.2 s") as caught:
        worker.judge([one("linear", 0)], 0.2)
    assert caught.value.reason == "hung"
    assert gone(pid)


def test_a_worker_that_reads_nothing_cannot_hold_a_large_question(worker):
    os.kill(worker.pid, signal.SIGSTOP)
    wide = Job("linear", "pump-7", array("d", bytes(8 * 2_000_000)), 2_000, 1_000)
    with pytest.raises(WorkerError) as caught:
        worker.judge([wide], 0.3)
    assert caught.value.reason == "hung"


def ticks(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_a_worker_killed_in_the_middle_of_an_inference_is_a_death(worker, packages):
    worker.load("sloth", packages["sloth"].path)
    pid, before = worker.pid, ticks(worker.pid)

    def kill_when_busy():
        until(lambda: ticks(pid) > before + 5)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_busy)
    killer.start()
    with pytest.raises(WorkerError, match="SIGKILL"):
        worker.judge([one("sloth", 900)], DEADLINE_S)
    killer.join()


def test_answers_after_a_hang_belong_to_their_own_questions(worker, packages):
    worker.load("logarithm", packages["logarithm"].path)
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerError):
        worker.judge([one("logarithm", math.e)], 0.1)
    worker.start()
    worker.load("logarithm", packages["logarithm"].path)
    assert worker.judge([one("logarithm", 1)], DEADLINE_S)[0].score == 0.0


def rogue(way, **settings):
    return Worker(WorkerSettings(command=(sys.executable, ROGUE, way), **settings))


def ask(worker):
    return worker.judge([one("linear", 0), one("linear", 1)], DEADLINE_S)


@pytest.mark.parametrize(
    "way",
    [
        *("stale", "nan", "few", "many", "odd", "wide", "empty", "shapeless", "headless"),
        *("twice", "noise", "text", "huge"),
    ],
)
def test_an_answer_that_does_not_add_up_is_garbage_and_ends_the_worker(way):
    worker = rogue(way)
    assert worker.start() == way
    with pytest.raises(WorkerError) as caught:
        ask(worker)
    assert caught.value.reason == "garbage"
    assert not worker.running


def test_half_an_answer_is_a_hang():
    worker = rogue("half")
    worker.start()
    with pytest.raises(WorkerError) as caught:
        worker.judge([one("linear", 0), one("linear", 1)], 0.3)
    assert caught.value.reason == "hung"


def test_a_program_that_never_comes_up_is_a_hang():
    with pytest.raises(WorkerError, match=r"no answer in 0\.3 s"):
        rogue("mute", start_s=0.3).start()


def test_a_program_that_ends_at_once_is_a_death_with_its_exit_code():
    with pytest.raises(WorkerError, match="exit code 7"):
        rogue("gone").start()


def test_a_program_that_is_not_there_is_a_death():
    with pytest.raises(WorkerError, match="cannot start"):
        Worker(WorkerSettings(command=("/nowhere/python",))).start()


def test_what_the_worker_says_is_logged_within_bounds_and_never_blocks_it():
    worker = rogue("chatty")
    with capture_logs() as logs:
        assert worker.start() == "chatty"
        worker.stop()
    spoken = [entry for entry in logs if entry["event"] == "worker_spoke"]
    assert len(spoken) == 200
    assert spoken[0]["text"] == "a line of words"
    assert [entry["event"] for entry in logs[200:]] == ["worker_silenced"]


def test_starting_twice_leaves_one_process(worker):
    first = worker.pid
    worker.start()
    assert gone(first)
    assert worker.running
    assert worker.pid != first


def test_stopping_ends_even_a_process_that_is_stopped(worker):
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    worker.stop()
    worker.stop()
    assert gone(pid)


def test_a_worker_that_was_never_started_says_so():
    with pytest.raises(WorkerError) as caught:
        Worker().judge([one("linear", 0)], 1.0)
    assert caught.value.reason == "stopped"


def test_the_worker_dies_with_the_daemon():
    code = (
        "import os, signal\n"
        "from gateway.adapters.worker import Worker\n"
        "worker = Worker(); worker.start()\n"
        "os.kill(worker.pid, signal.SIGSTOP)\n"  # so that it cannot see its socket close
        "print(worker.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )
    until(lambda: gone(int(done.stdout)))


def test_an_explanation_comes_with_its_method_and_a_weight_per_channel(shared):
    cells = job("autoencoder", np.ones((make.ROWS, make.CHANNELS)))
    own = shared.explain(cells, [0.0] * make.CHANNELS, "auto", DEADLINE_S)
    occluded = shared.explain(cells, [None] * make.CHANNELS, "occlusion", DEADLINE_S)
    assert (own.method, occluded.method) == ("residuals", "occlusion")
    for found in (own, occluded):
        assert (len(found.weights), len(found.baseline), found.error) == (3, 3, None)
    assert own.baseline == (0.0, 0.0, 0.0)


def test_an_explanation_that_cannot_be_given_says_why(shared):
    cells = job("linear", np.ones((make.ROWS, make.CHANNELS)))
    zeros = [0.0] * make.CHANNELS
    assert (
        shared.explain(cells, zeros, "residuals", DEADLINE_S).error == "the model has no residuals"
    )
    assert shared.explain(cells, zeros[1:], "auto", DEADLINE_S).error
    nobody = cells._replace(model="nobody")
    assert shared.explain(nobody, zeros, "auto", DEADLINE_S).error == "no such model"
    slow = shared.explain(one("sloth", 900), [0.0], "auto", 4.0)
    assert slow.error == "deadline"


def test_a_worker_that_dies_or_hangs_over_an_explanation_is_told_as_that(worker, packages):
    worker.load("linear", packages["linear"].path)
    cells, zeros = job("linear", np.ones((make.ROWS, make.CHANNELS))), [0.0] * make.CHANNELS
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerError) as hung:
        worker.explain(cells, zeros, "auto", 0.2)
    worker.start()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerError) as died:
        worker.explain(cells, zeros, "auto", DEADLINE_S)
    assert (hung.value.reason, died.value.reason) == ("hung", "died")


@pytest.mark.parametrize("way", ["few", "odd", "headless", "nan"])
def test_an_explanation_that_does_not_add_up_is_garbage(way):
    rogue = Worker(WorkerSettings(command=(sys.executable, ROGUE, way)))
    rogue.start()
    with pytest.raises(WorkerError) as caught:
        rogue.explain(one("m", 1.0), [0.0], "auto", DEADLINE_S)
    assert caught.value.reason == "garbage"
    assert not rogue.running
