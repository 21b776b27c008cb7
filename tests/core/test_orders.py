from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Proof
from gateway.core.commands import TERMINAL, TRANSITIONS, Command, State, Step, step
from gateway.core.messages import Evidence, Reason, Result, Uplink
from gateway.core.orders import NACKS, Orders, resume
from gateway.core.paths import Path
from gateway.core.ports import Outgoing
from gateway.core.readings import Metric, Reading
from gateway.errors import IllegalTransitionError

POWER = Metric("power", "zigbee", "plug", Path.parse("power"), asset="pump", unit="W")
PROOF = Proof("power", within_ms=10_000, below=5.0)


class Bridge:
    """The least a bridge can be: the state document equals what was ordered."""

    def __init__(self, *, asks=True):
        self.asks = asks

    def confirms(self, order, uplink):
        return all(uplink.values.get(key) == value for key, value in order.set.items())

    def ask(self, order):
        return [Outgoing("plug/get", b"")] if self.asks else []

    def answers(self, order, uplink, before):
        return not uplink.cached or uplink.values == before


def command(state=State.STORED, **changes):
    made = Command(
        id="c1",
        decision_id="d1",
        asset="pump",
        action="stop",
        source="zigbee",
        device="plug",
        set={"state": "OFF"},
        created_at_ms=1_000,
        expires_at_ms=11_000,
        created_mono_ms=1_000,
        expires_mono_ms=11_000,
        deadline_ms=10_000,
        boot="b1",
        state=state,
    )
    if state in (State.SENT, State.ACCEPTED):
        changes = {"sent_at_ms": 2_000, "sent_mono_ms": 2_000} | changes
    return replace(made, **changes)


def watching(made, proof=None):
    orders = Orders()
    orders.add(made, proof)
    return orders


OFF = Uplink("plug", {"state": "OFF"})


def test_a_proof_confirms_and_nothing_else_does():
    orders = watching(command(State.SENT), PROOF)
    (echo,) = orders.on_uplink("zigbee", Bridge(), OFF, 3_000, 3_000)
    assert (echo[0].state, echo[1]) == (State.ACCEPTED, ())
    assert list(orders.on_uplink("zigbee", Bridge(), OFF, 4_000, 4_000)) == []
    (proved,) = orders.on_reading("pump", Reading(POWER, 0.3), 5_000, 5_000)
    assert proved.state is State.CONFIRMED
    assert proved.evidence == "proof: power 0.3 W < 5.0 W"
    assert len(orders) == 0


@pytest.mark.parametrize(
    ("reading", "mono_ms"),
    [
        (Reading(POWER, 50.0), 5_000),
        (Reading(POWER, 0.3, Reason.CACHED), 5_000),
        (Reading(POWER, 0.3, Reason.RETAINED), 5_000),
        (Reading(POWER, 0.3, Reason.SIMULATED), 5_000),
        (Reading(POWER, 0.3), 1_999),
        (Reading(replace(POWER, name="other"), 0.3), 5_000),
    ],
)
def test_what_is_no_proof_proves_nothing(reading, mono_ms):
    orders = watching(command(State.SENT), PROOF)
    assert list(orders.on_reading("pump", reading, mono_ms, mono_ms)) == []


def test_what_was_received_while_the_command_was_being_committed_is_no_news_of_it():
    stored = command()
    orders = watching(stored, PROOF)
    orders.update(step(stored, Step.SEND, sent_at_ms=2_000, sent_mono_ms=2_000))
    orders.published("c1", 2_030)
    low = Reading(POWER, 0.3)
    assert list(orders.on_reading("pump", low, 2_029, 2_040)) == []
    assert list(orders.on_uplink("zigbee", Bridge(), OFF, 2_029, 2_040)) == []
    assert [one.state for one in orders.on_reading("pump", low, 2_030, 2_040)] == [State.CONFIRMED]


def test_without_a_proof_the_device_is_asked_and_its_answer_confirms():
    orders = watching(command(State.SENT))
    ((accepted, asks),) = orders.on_uplink("zigbee", Bridge(), OFF, 3_000, 3_000)
    assert accepted.state is State.ACCEPTED
    assert asks[0].topic == "plug/get"
    ((confirmed, _),) = orders.on_uplink("zigbee", Bridge(), OFF, 4_000, 4_000)
    assert confirmed.state is State.CONFIRMED


def test_what_a_bridge_repeats_from_its_cache_is_no_answer():
    orders = watching(command(State.SENT))
    list(orders.on_uplink("zigbee", Bridge(), OFF._replace(cached=True), 3_000, 3_000))
    other = Uplink("plug", {"state": "OFF", "power": 800}, cached=True)
    assert list(orders.on_uplink("zigbee", Bridge(), other, 4_000, 4_000)) == []
    ((confirmed, _),) = orders.on_uplink("zigbee", Bridge(), other, 5_000, 5_000)
    assert confirmed.state is State.CONFIRMED


def test_a_device_that_shows_another_word_after_it_was_asked_did_not_obey():
    orders = watching(command(State.SENT))
    before = list(orders.on_uplink("zigbee", Bridge(), Uplink("plug", {"state": "ON"}), 2_500, 0))
    assert before == []  # nobody asked yet: it may be older than the order
    list(orders.on_uplink("zigbee", Bridge(), OFF, 3_000, 3_000))
    ((failed, _),) = orders.on_uplink("zigbee", Bridge(), Uplink("plug", {"state": "ON"}), 4_000, 0)
    assert (failed.state, failed.reason) == (
        State.FAILED,
        "device: shows state=ON after it was asked",
    )


def test_a_number_may_still_be_on_its_way():
    orders = watching(command(State.SENT, set={"position": 50}))
    for position, mono_ms in ((50, 3_000), (20, 4_000)):
        moved = list(
            orders.on_uplink("zigbee", Bridge(), Uplink("plug", {"position": position}), mono_ms, 0)
        )
    assert moved == []
    (ended,) = orders.on_time(12_000, 0)
    assert (ended.state, ended.reason) == (State.TIMEOUT, "no evidence; device shows position=20")


def test_a_bridge_that_shows_only_what_its_device_does_is_believed_at_once():
    class Honest:
        confirms = Bridge.confirms

    orders = watching(command(State.SENT))
    ((confirmed, asks),) = orders.on_uplink("zigbee", Honest(), OFF, 3_000, 3_000)
    assert (confirmed.state, asks) == (State.CONFIRMED, ())


def test_what_names_no_command_and_came_before_it_left_is_not_about_it():
    orders = watching(command(State.SENT))
    result = Result(Evidence.FAILED, "", "plug", "state", "no route")
    assert list(orders.on_result("zigbee", result, 1_999, 3_000)) == []
    (failed,) = orders.on_result("zigbee", result, 2_000, 3_000)
    assert failed.state is State.FAILED


def test_a_device_that_goes_offline_after_it_was_told_did_not_do_it():
    orders = watching(command(State.SENT))
    assert list(orders.on_gone("zigbee", "lamp", 3_000, 3_000)) == []
    assert list(orders.on_gone("zigbee", "plug", 1_000, 3_000)) == []
    (failed,) = orders.on_gone("zigbee", "plug", 3_000, 3_000)
    assert (failed.state, failed.reason) == (State.FAILED, "device: went offline")


def test_a_device_that_does_not_acknowledge_is_told_again_by_its_network_and_not_for_ever():
    orders = watching(command(State.SENT))
    nack = Result(Evidence.NACK, "c1")
    for times in range(1, NACKS):
        (tried,) = orders.on_result("zigbee", nack, 3_000, 3_000)
        assert (tried.state, tried.evidence) == (
            State.ACCEPTED,
            f"bridge: not acknowledged, {times} times",
        )
    (failed,) = orders.on_result("zigbee", nack, 3_000, 3_000)
    assert failed.reason == f"device: not acknowledged, {NACKS} times"


def test_a_timeout_says_that_the_device_refused():
    orders = watching(command(State.SENT))
    list(orders.on_result("zigbee", Result(Evidence.NACK, "c1"), 3_000, 3_000))
    (ended,) = orders.on_time(12_000, 0)
    assert ended.reason == "no evidence; not acknowledged, 1 times"


def test_a_device_that_cannot_be_asked_is_believed():
    orders = watching(command(State.SENT))
    ((confirmed, _),) = orders.on_uplink("zigbee", Bridge(asks=False), OFF, 3_000, 3_000)
    assert confirmed.state is State.CONFIRMED


@pytest.mark.parametrize(
    "uplink",
    [
        Uplink("plug", {"state": "ON"}),
        Uplink("other", {"state": "OFF"}),
        Uplink("plug", {"state": "OFF"}, reason=Reason.SIMULATED),
    ],
)
def test_another_state_device_or_a_simulation_confirms_nothing(uplink):
    orders = watching(command(State.SENT))
    assert list(orders.on_uplink("zigbee", Bridge(), uplink, 3_000, 3_000)) == []


@pytest.mark.parametrize(
    ("result", "proof", "state"),
    [
        (Result(Evidence.SENT, "c1"), None, State.ACCEPTED),
        (Result(Evidence.CONFIRMED, "c1"), None, State.CONFIRMED),
        (Result(Evidence.CONFIRMED, "c1"), PROOF, State.ACCEPTED),
        (Result(Evidence.FAILED, "c1", detail="EXPIRED"), PROOF, State.FAILED),
        (Result(Evidence.FAILED, "", "plug", "state", "no route"), None, State.FAILED),
        (Result(Evidence.FAILED, "", "plug", "other"), None, State.SENT),
        (Result(Evidence.FAILED, "c2"), None, State.SENT),
        (Result(Evidence.FAILED, "", "lamp"), None, State.SENT),
    ],
)
def test_a_bridges_answer_moves_the_command_it_is_about(result, proof, state):
    orders = watching(command(State.SENT), proof)
    moved = list(orders.on_result("zigbee", result, 3_000, 3_000))
    assert (moved[0].state if moved else State.SENT) is state


def test_time_ends_what_got_no_answer():
    orders = watching(command(State.SENT), PROOF)
    assert orders.next_mono_ms() == 12_000
    assert list(orders.on_time(11_999, 0)) == []
    (ended,) = orders.on_time(12_000, 0)
    assert (ended.state, ended.reason) == (State.TIMEOUT, "no proof")


def test_what_was_not_sent_in_time_expires():
    (ended,) = watching(command()).on_time(11_000, 0)
    assert ended.state is State.EXPIRED


def test_within_one_boot_a_clock_step_changes_no_deadline():
    assert resume(command(State.SENT), "b1", 3_000, 99_999_999_999) == command(State.SENT)


@pytest.mark.parametrize(
    ("now_ms", "left_ms"), [(5_000, 6_000), (11_000, 0), (500, 0), (10**12, 0), (-(10**12), 0)]
)
def test_after_another_boot_a_stored_command_has_what_the_wall_clock_leaves(now_ms, left_ms):
    assert resume(command(), "b2", 70, now_ms).expires_mono_ms == 70 + left_ms


@given(st.lists(st.sampled_from(list(Step)), max_size=12))
def test_an_ended_command_never_moves_again(steps):
    current = command(State.PROPOSED)
    for what in steps:
        ended = current.ended
        try:
            current = step(current, what)
        except IllegalTransitionError:
            continue
        assert not ended


def test_every_state_can_end_and_only_terminal_states_are_stuck():
    for state in State:
        reach, frontier = set(), {state}
        while frontier:
            reach |= frontier
            frontier = {n for s in frontier for n in TRANSITIONS[s].values()} - reach
        assert reach & TERMINAL
