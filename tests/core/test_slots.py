"""Several members and one broker, stepped through by chance: at most one commands."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.fleet import Fleet, Member
from gateway.core.slots import FROZEN_MS, PATIENCE_MS, Phase, Seat, Step, Told

IDS = ("a", "b", "c")
SLOT = "a"


def fleet(me: str) -> Fleet:
    return Fleet("plant", me, tuple(Member(one) for one in IDS), "local")


def seat(me: str = "b") -> Seat:
    return Seat(fleet(me), SLOT)


# -- one member ----------------------------------------------------------------------------------


def test_nothing_is_tried_before_everything_is_heard() -> None:
    one = seat("a")
    assert not one.due(100_000)
    one.synced(100_000)
    assert one.due(100_000)


def test_who_stands_further_down_the_line_waits_longer() -> None:
    for me in IDS:
        one = seat(me)
        one.synced(0)
        at_ms = one.rank * one.fleet.step_ms
        assert one.due(at_ms)
        assert not one.due(at_ms - 1)


def test_a_holder_is_left_alone_until_it_is_silent() -> None:
    one = seat("a")
    one.synced(0)
    one.hear(Told(up=True, who="b", epoch=3), 1_000)
    assert not one.due(4_999)
    one.hear(Told(up=True, who="b", epoch=3, beat=2), 4_000)
    assert not one.due(7_999)
    assert one.due(8_000)


def test_a_silence_that_was_our_own_sleep_is_none() -> None:
    one = seat("a")
    one.synced(0)
    one.hear(Told(up=True, who="b", epoch=3), 1_000)
    one.look(1_000)
    one.look(60_000)
    assert not one.due(60_000)
    assert one.due(64_000)
    one.look(60_000 + FROZEN_MS)
    assert one.due(64_000)


def test_what_an_earlier_holder_said_is_no_news() -> None:
    one = seat("a")
    one.synced(0)
    one.hear(Told(up=True, who="b", epoch=5), 0)
    one.hear(Told(up=False, who="c", epoch=4), 10)
    assert one.holder == "b"
    assert one.next_epoch == 6


def _hold(one: Seat, mono_ms: int) -> None:
    epoch = one.next_epoch
    for step in (Step.TRY, Step.CONNECT, Step.FENCE):
        one.step(step, mono_ms)
    one.hear(Told(up=True, who=one.fleet.me, epoch=epoch), mono_ms)
    one.step(Step.RAISE, mono_ms)
    assert one.holding


def test_whoever_was_taken_over_waits_for_down_again() -> None:
    one = seat("a")
    one.synced(0)
    _hold(one, 0)
    one.lost(1_000, taken=True, epoch=1)
    one.hear(Told(up=False, who="a", epoch=1), 1_001)  # our own will
    assert not one.due(2_500)
    one.hear(Told(up=True, who="b", epoch=2), 2_600)
    assert not one.due(6_000)
    one.hear(Told(up=False, who="b", epoch=2), 6_001)
    assert one.due(6_001)


def test_a_slot_is_given_back_to_who_stands_before() -> None:
    one = seat("b")
    one.synced(0)
    _hold(one, 10_000)
    assert not one.wanted({}, 100_000)
    assert not one.wanted({"a": 90_000}, 100_000)
    assert one.wanted({"a": 5_000}, 40_000)
    one.given(40_000)
    assert one.phase is Phase.WATCHING
    assert not one.due(40_000 + PATIENCE_MS - 1)
    assert one.due(40_000 + PATIENCE_MS)  # it did not take it
    _hold(one, 50_000)
    assert not one.wanted({"a": 5_000}, 90_000)  # so it waits longer
    assert one.wanted({"a": 5_000}, 110_000)


def test_its_own_member_gives_nothing_back() -> None:
    one = seat("a")
    _hold(one, 0)
    assert not one.wanted({"b": 0, "c": 0}, 10_000_000)


# -- all of them and a broker --------------------------------------------------------------------


@dataclass
class Broker:
    """One state per slot, one connection per client id, everything in one order."""

    log: list[Told | tuple[str, str]] = field(default_factory=list)
    commander: str = ""
    will: Told | None = None
    commands: list[tuple[str, int]] = field(default_factory=list)

    def end(self) -> None:
        if self.commander and self.will is not None:
            self.log.append(self.will)
        self.commander = ""


@dataclass
class Node:
    """One member: it hears the log up to where it has read, and may be frozen or dead."""

    seat: Seat
    read: int = 0
    epoch: int = 0
    frozen: bool = False
    connected: bool = False


class World:
    """The members, stepped one at a time; ``fenced``: the broker ends the older connection."""

    def __init__(self, *, fenced: bool = True) -> None:
        self.broker = Broker()
        self.fenced = fenced
        self.now_ms = 0
        self.nodes = {me: Node(Seat(fleet(me), SLOT)) for me in IDS}

    def hear(self, me: str, most: int = 100) -> None:
        node = self.nodes[me]
        for _ in range(min(most, len(self.broker.log) - node.read)):
            said = self.broker.log[node.read]
            node.read += 1
            if isinstance(said, Told):
                node.seat.hear(said, self.now_ms)
                mine = said.up and (said.who, said.epoch) == (me, node.epoch)
                if mine and node.seat.phase is Phase.RAISING:
                    node.seat.step(Step.RAISE, self.now_ms)
            elif said == (me, "fence") and node.seat.phase is Phase.FENCING:
                self._fenced(me, node)

    def _fenced(self, me: str, node: Node) -> None:
        if node.seat.next_epoch != node.epoch:
            node.seat.again(self.now_ms)
            self._leave(me)
            return
        node.seat.step(Step.FENCE, self.now_ms)
        if self.broker.commander == me or not self.fenced:
            self.broker.log.append(Told(up=True, who=me, epoch=node.epoch))

    def _leave(self, me: str) -> None:
        self.nodes[me].connected = False
        if self.broker.commander == me:
            self.broker.commander = ""

    def look(self, me: str) -> None:
        node = self.nodes[me]
        node.seat.look(self.now_ms)
        node.seat.synced(0)
        if node.connected and self.broker.commander != me and self.fenced:
            node.connected = False
            node.seat.lost(self.now_ms, taken=True, epoch=node.epoch)
        if node.seat.due(self.now_ms):
            node.epoch = node.seat.next_epoch
            node.seat.step(Step.TRY, self.now_ms)
            self.broker.end()
            self.broker.commander, node.connected = me, True
            self.broker.will = Told(up=False, who=me, epoch=node.epoch)
            node.seat.step(Step.CONNECT, self.now_ms)
            self.broker.log.append((me, "fence"))
        elif node.seat.holding and (self.broker.commander == me or not self.fenced):
            self.broker.log.append(Told(up=True, who=me, epoch=node.epoch, beat=self.now_ms))

    def command(self, me: str) -> None:
        node = self.nodes[me]
        if node.seat.holding and (self.broker.commander == me or not self.fenced):
            self.broker.commands.append((me, node.epoch))

    def kill(self, me: str) -> None:
        if self.broker.commander == me:
            self.broker.end()
        self.nodes[me] = Node(Seat(fleet(me), SLOT))

    def play(self, steps: list[tuple[str, str]]) -> None:
        for what, me in steps:
            self.now_ms += 137
            node = self.nodes[me]
            if what == "freeze":
                node.frozen = True
            elif what == "thaw":
                node.frozen = False
            elif what == "kill":
                self.kill(me)
            elif what == "wait":
                self.now_ms += 1_500
            elif not node.frozen:
                getattr(self, what)(me)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("hear", "look", "command", "hear", "look", "command", "wait"))
        | st.sampled_from(("freeze", "thaw", "kill")),
        st.sampled_from(IDS),
    ),
    max_size=200,
)


def monotone(world: World) -> bool:
    """No command of an old epoch after one of a new, and never two members in one epoch."""
    epochs = [epoch for _, epoch in world.broker.commands]
    who = {}
    alone = all(who.setdefault(epoch, me) == me for me, epoch in world.broker.commands)
    return epochs == sorted(epochs) and alone


@settings(max_examples=400)
@given(STEPS)
def test_never_two_commanders_whatever_happens(steps: list[tuple[str, str]]) -> None:
    world = World()
    world.play(steps)
    assert monotone(world)


ROUND = [(what, me) for me in IDS for what in ("look", "hear", "command")]


def test_it_settles_on_one_commander() -> None:
    world = World()
    world.play(ROUND * 20)
    assert len(set(world.broker.commands[-10:])) == 1


def test_another_one_commands_when_it_dies_or_freezes() -> None:
    for fault in ("kill", "freeze"):
        world = World()
        world.play(ROUND * 20)
        gone = world.broker.commands[-1][0]
        world.play([(fault, gone)])
        rest = [(what, me) for what, me in ROUND if me != gone]
        before = len(world.broker.commands)
        world.play(rest * 30)
        assert world.broker.commands[before:], fault
        world.play([("thaw", gone), ("command", gone), *ROUND * 20])
        assert monotone(world)


def test_without_the_fence_there_are_two() -> None:
    """The control: were the older connection not ended, a frozen member would command on."""
    world = World(fenced=False)
    world.play(ROUND * 20)
    gone = world.broker.commands[-1][0]
    world.play([("freeze", gone)])
    world.play([(what, me) for what, me in ROUND if me != gone] * 30)
    world.play([("thaw", gone), ("command", gone), *ROUND * 2])
    assert not monotone(world)
