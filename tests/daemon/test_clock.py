"""Clocks that start in 1970, jump by ten years and are set right later."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.store.reader import Reader
from tests.fakes.daemon import pump
from tests.fakes.inside import TRUE_MS, Clocks, Inside
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee

ROOT = Path(__file__).parents[2]
TEN_YEARS_MS = 3_652 * 86_400_000
SLACK_MS = 1_500
"""Wall times are true within this."""


@pytest.fixture
def file(tmp_path: Path, zigbee: Zigbee) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(zigbee.port, ("mode: act", "mode: act, min_interval: 1h")))
    return file


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    path = file.parent / "gateway.db"
    if not path.exists():
        return []
    with Reader.open(path) as reader:
        return reader.query(sql).rows


def powers(file: Path) -> list[tuple[Any, ...]]:
    return rows(
        file, "SELECT value, at_ms, clock FROM reading WHERE metric = 'power' ORDER BY report"
    )


def report(zigbee: Zigbee, file: Path, *values: float) -> None:
    for value in values:
        zigbee.tell("plug", state="ON", power=value)
    wait_until(lambda: powers(file)[-1:] and powers(file)[-1][0] == values[-1], "it is stored")


def test_what_was_stored_before_the_clock_was_right_is_stamped_again_in_order(
    file: Path, zigbee: Zigbee
) -> None:
    clock = Clocks(wall_ms=7_000_000, right=False)
    with Inside(file, clock):
        zigbee.online()
        report(zigbee, file, 1, 2, 3)
        assert all(at < 10_000_000 for _, at, _ in powers(file))
        for step in (TEN_YEARS_MS, 5_000, 3 * TEN_YEARS_MS):
            clock.set(step, right=False)
            let_pass(0.01)
            report(zigbee, file, step + 1, step + 2)
        clock.synchronise()
        wait_until(lambda: {mark for *_, mark in powers(file)} == {2}, "they are repaired")
        report(zigbee, file, 11, 12)
        known = powers(file)
        stamps = [at for _, at, _ in known]
        assert stamps == sorted(stamps)
        assert stamps[0] >= TRUE_MS - SLACK_MS
        assert stamps[-1] <= clock.true_ms() + SLACK_MS
        assert [value for value, *_ in known][:3] == [1, 2, 3]
        assert [mark for *_, mark in known] == [2] * 9 + [1] * 2


@pytest.mark.parametrize("step", [-TEN_YEARS_MS, TEN_YEARS_MS, -TRUE_MS + 1_000])
def test_a_step_in_the_middle_of_a_command_neither_ends_nor_repeats_it(
    file: Path, zigbee: Zigbee, step: int
) -> None:
    clock = Clocks()
    with Inside(file, clock):
        zigbee.online()
        report(zigbee, file, 900)
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        clock.set(clock.true_ms() + step, right=True)
        let_pass(1.3)  # the beat looks at the clock once a second
        report(zigbee, file, 901)
        assert rows(file, "SELECT state FROM command") == [("sent",)]
        zigbee.obey()
        wait_until(lambda: rows(file, "SELECT state FROM command") == [("confirmed",)], "proof")
        zigbee.tell("probe", temperature=20)
        sql = "SELECT event, refused FROM decision"
        wait_until(lambda: len(rows(file, sql)) == 2, "all clear")
        clock.set(clock.true_ms(), right=True)
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: len(rows(file, sql)) == 3, "hot again")
        assert rows(file, sql)[-1] == ("raised", "min_interval")
        assert [value for value, *_ in powers(file)][:2] == [900, 901]
        assert len(zigbee.orders) == 1


def test_no_step_makes_upkeep_delete_anything(file: Path, zigbee: Zigbee) -> None:
    clock = Clocks()
    with Inside(file, clock):
        zigbee.online()
        report(zigbee, file, *range(50))
        clock.set(clock.true_ms() + TEN_YEARS_MS, right=True)
        clock.pass_ms(61_000)  # upkeep is due once a minute
        beaten = zigbee.newest("health")
        wait_until(lambda: zigbee.newest("health") != beaten, "a beat later")
        report(zigbee, file, 99)
        assert len(powers(file)) == 51
        assert rows(file, "SELECT * FROM counter WHERE scope LIKE 'dropped%'") == []


def test_after_a_boot_in_1970_the_old_rows_do_not_hold_up_the_start(
    file: Path, zigbee: Zigbee
) -> None:
    with Inside(file, Clocks()):
        zigbee.online()
        report(zigbee, file, 1, 2, 3)
    later = Clocks(wall_ms=1_000, right=False, boot="boot-2")
    with Inside(file, later):
        report(zigbee, file, 4)
        later.synchronise()
        wait_until(lambda: [mark for *_, mark in powers(file)] == [1, 1, 1, 2], "repaired")
        assert [value for value, *_ in powers(file)] == [1, 2, 3, 4]


def test_a_source_gone_silent_beyond_its_rhythm_is_reported_once(
    file: Path, zigbee: Zigbee
) -> None:
    clock = Clocks()
    with Inside(file, clock):
        zigbee.online()
        report(zigbee, file, *range(20))
        clock.pass_ms(120_000)
        wait_until(lambda: zigbee.newest("event").get("event") == "source_silent", "it is told")
        assert zigbee.newest("event")["source"] == "zigbee"
        wait_until(
            lambda: "source zigbee: silent" in zigbee.newest("health").get("problems", ()), "health"
        )
        report(zigbee, file, 77)
        wait_until(lambda: zigbee.newest("health")["state"] == "running", "it is back")
        assert len(zigbee.heard("edge/here/event")) == 1


def test_many_random_steps() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/prove_clock", "--steps", "3", "--seed", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["deleted"] == 0
