"""What was sent, on the axis of running time: over restarts and boots, never younger than it is."""

from dataclasses import replace

import pytest

from gateway.core.assets import Action, Asset
from gateway.core.commands import State
from gateway.core.guards import Deed, ValueRule
from gateway.store.batch import Batch
from gateway.store.reader import Reader
from gateway.store.sent import history
from tests.store.samples import BOOT, open_store, order, settings

VALUE = ValueRule("level", 0, 100)
STOP = Action("stop", "zigbee", "plug", {"state": "OFF"})
THROTTLE = Action("throttle", "zigbee", "valve", {"level": "value"}, value=VALUE)
ASSETS = {"pump-7": Asset("pump-7", "", {}, actions={"stop": STOP, "throttle": THROTTLE})}
DAY_MS = 86_400_000


def sent(n, mono_ms, state=State.SENT, action="stop", **changes):
    """A command that was sent then."""
    made = order(n, state)
    return replace(made, id=f"c{n}", asset="pump-7", action=action, sent_at_ms=1,
                   sent_mono_ms=mono_ms, **changes)  # fmt: skip


def told(folder, *commands, mono_ms, boot=BOOT, **more):
    """Store commands in a process of a boot; what the next one knows of that moment."""
    given = settings(folder)
    store = open_store(given, boot=boot, mono_ms=1_000)
    store.commit(Batch(commands=list(commands)))
    store.close()
    with Reader.open(given.path) as reader:
        return history(reader, boot, mono_ms, ASSETS, **more)


def test_within_a_boot_time_goes_on(tmp_path):
    known = told(tmp_path, sent(1, 5_000), mono_ms=65_000)
    (use,) = known.uses
    assert (use.command, use.deed, use.sent) == ("c1", Deed("pump-7", "stop"), True)
    assert known.running_ms - use.at_ms == 60_000
    assert use.ended_ms is None


def test_after_another_boot_only_running_time_has_passed(tmp_path):
    told(tmp_path, sent(1, 5_000, State.CONFIRMED), mono_ms=9_000)
    known = told(tmp_path, mono_ms=2_000, boot="other")
    (use,) = known.uses
    assert 0 <= known.running_ms - use.at_ms <= 1_000
    assert use.ended_ms == known.running_ms


def test_what_was_never_sent_is_not_there_and_values_are(tmp_path):
    waiting = replace(order(1), id="c1", sent_mono_ms=None)
    throttled = sent(2, 3_000, State.TIMEOUT, "throttle", set={"level": 40})
    known = told(tmp_path, waiting, throttled, mono_ms=4_000)
    assert [(use.command, use.value) for use in known.uses] == [("c2", 40.0)]


def test_of_what_is_old_only_the_last_of_each_action_is_known(tmp_path):
    old = [sent(n, 1_000 + n, State.CONFIRMED) for n in range(3)]
    new = sent(9, 3 * DAY_MS, State.FAILED, "throttle", set={"level": True})
    known = told(tmp_path, *old, new, mono_ms=3 * DAY_MS)
    assert {use.command for use in known.uses} == {"c2", "c9"}


def test_the_time_of_the_first_sending_stays(tmp_path):
    """After a reboot a command is taken up on that boot's clock; when it was sent is no other."""
    told(tmp_path, sent(1, 5_000), mono_ms=9_000)
    resumed = sent(1, 1_001, State.TIMEOUT)
    known = told(tmp_path, resumed, mono_ms=1_500, boot="other")
    assert known.uses[0].at_ms == min(4_000, known.running_ms)


def test_a_database_that_begins_anew_supposes_that_everything_was_just_done(tmp_path):
    known = told(tmp_path, mono_ms=4_000, lost=True)
    assert {use.deed for use in known.uses} == {Deed("pump-7", "stop"), Deed("pump-7", "throttle")}
    assert {use.at_ms for use in known.uses} == {known.running_ms}


@pytest.mark.parametrize("unknown", ["nobody/stop", "pump-7/gone"])
def test_what_the_file_no_longer_lists_counts_as_it_did(tmp_path, unknown):
    asset, action = unknown.split("/")
    one = replace(sent(1, 2_000, action=action), asset=asset)
    (use,) = told(tmp_path, one, mono_ms=3_000).uses
    assert (str(use.deed), use.value) == (unknown, None)
