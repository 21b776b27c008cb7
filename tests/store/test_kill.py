"""A writer killed at any moment loses nothing it reported, and stores nothing twice."""

import os
import random
import signal
import subprocess
import sys

from tests.store.samples import open_store, reports, settings

KILLS = 20

WRITER = """
import os, sys
from pathlib import Path
from tests.store.samples import *
store = open_store(settings(Path(sys.argv[1])))
n = int(sys.argv[2])
while True:
    batch = reports(n, n + 10)
    batch.counts["mqtt", "messages"] = 10
    store.commit(batch)
    n += 10
    os.write(1, f"{n}\\n".encode())
    if n % 300 == 0:
        store.maintain(NOW_MS, clock_ok=True)
"""


def kill_after(place, first, lines):
    """Run the writer until it reported so often; the last number it reported."""
    command = [sys.executable, "-c", WRITER, str(place), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(lines):
            assert writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        told = writer.stdout.read().splitlines()
    return int(told[-1]) if told else first + lines * 10


def test_kill_9_again_and_again(tmp_path):
    dice = random.Random(5)
    told, reached = set(), 0
    for _ in range(KILLS):
        first = reached
        last = kill_after(tmp_path, first, dice.randint(1, 60))
        told |= set(range(first, last))
        store = open_store(settings(tmp_path))
        assert store.opened.set_aside is None
        keys = store.recent_keys(100_000)
        reached = store.counters()["mqtt", "messages"]
        assert len(keys) == len(set(keys))
        assert told - {0} <= set(keys)
        assert set(keys) | {0} == set(range(reached))  # a commit is whole or not at all
        store.close()
    store = open_store(settings(tmp_path))
    store.commit(reports(reached, reached + 1))
    store.close()
