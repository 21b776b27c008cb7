"""Damaged packages through the check and a real worker: refused with a reason, or whole."""

import hashlib
from collections import Counter
from pathlib import Path

from gateway.adapters.worker import Worker, WorkerSettings
from gateway.errors import PackageError, WorkerError
from gateway.models.files import MODEL
from gateway.models.package import unpack
from tests.models.hostile import Case, cases

LOAD_S = 60.0


def prove(good: Path, folder: Path, count: int, seed: int) -> Counter[str]:
    """Put packages through both; returns how often each end was met.

    Raises:
        AssertionError: a package ran that is not what its hash says, or was refused without words.
    """
    worker = Worker(WorkerSettings(load_s=LOAD_S))
    worker.start()
    ends: Counter[str] = Counter()
    try:
        for case in cases(good, folder, count, seed):
            end = _end(case, worker)
            ends[end] += 1
            ends[f"{case.kind}: {end}"] += 1
    finally:
        worker.stop()
    return ends


def _end(case: Case, worker: Worker) -> str:
    """What became of one: by the check, then by the worker whatever the check said."""
    try:
        _, contents = unpack(case.path)
        checked = ""
    except PackageError as error:
        contents, checked = {}, str(error)
    assert checked or contents, f"{case}: refused without words"
    try:
        loaded = worker.load("hostile", case.path)
    except PackageError:
        return "refused by the check" if checked else "refused by the worker"
    except WorkerError:
        assert not checked, f"{case}: the worker took what the check refused: {checked}"
        worker.start()
        return "ended the worker"
    assert not checked, f"{case}: the worker took what the check refused: {checked}"
    assert loaded.sha256 == hashlib.sha256(contents[MODEL]).hexdigest(), case
    return "runs with its hash"
