"""Laws of the hand-off: the drop rule, the order of acknowledgements, the epochs."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.mqtt_inbox import Inbox
from gateway.core.messages import Message


def message(packet_id: int, epoch: int = 1, payload: bytes = b"") -> Message:
    """A QoS 1 message, or with 0 a QoS 0 one."""
    receipt = epoch << 16 | packet_id if packet_id else 0
    return Message("b", "t", payload, int(packet_id > 0), False, False, 0, 0, receipt)


@given(st.permutations(list(range(1, 9))), st.lists(st.integers(1, 8), max_size=4))
def test_acknowledgements_leave_in_order_of_arrival(order: list[int], repeated: list[int]) -> None:
    inbox = Inbox(100)
    inbox.connect(1)
    ids = list(range(1, 9))
    inbox.add([message(i) for i in ids], ids)
    left: list[int] = []
    for packet_id in [*order, *repeated]:
        inbox.acknowledge([1 << 16 | packet_id])
        left += inbox.due()
    assert left == ids
    assert not inbox.full


@given(st.lists(st.booleans(), max_size=60))
def test_only_the_oldest_qos_0_is_dropped(kinds: list[bool]) -> None:
    inbox = Inbox(10)
    inbox.connect(1)
    sent = [message(i if kind else 0, payload=b"%d" % i) for i, kind in enumerate(kinds, 1)]
    for each in sent:
        inbox.add([each], [each.receipt & 0xFFFF] if each.receipt else [])
    taken = inbox.take()
    dropped = inbox.counters["overload"]
    assert len(taken) + dropped == len(sent)
    assert [m for m in taken if m.qos] == [m for m in sent if m.qos]
    zeros = [m for m in sent if not m.qos]
    assert [m for m in taken if not m.qos] == zeros[dropped:]
    assert len(taken) <= 10 or all(m.qos for m in taken)


def test_only_the_first_message_wakes() -> None:
    inbox = Inbox(10)
    assert inbox.add([message(0)], [])
    assert not inbox.add([message(0)], [])
    inbox.take()
    assert inbox.add([message(0)], [])
    assert not inbox.add([], [])


def test_what_was_not_taken_before_a_reconnect_counts_until_it_is() -> None:
    inbox = Inbox(2)
    inbox.connect(1)
    inbox.add([message(1), message(2)], [1, 2])
    assert inbox.full
    inbox.connect(2)
    assert inbox.full
    old = inbox.take()
    assert not inbox.full
    inbox.add([message(1, epoch=2)], [1])
    inbox.acknowledge([m.receipt for m in old])
    assert inbox.due() == []
    assert inbox.counters["stale_receipt"] == 2


def test_a_packet_identifier_used_twice_needs_one_acknowledgement() -> None:
    inbox = Inbox(10)
    inbox.connect(1)
    inbox.add([message(1), message(1), message(2)], [1, 1, 2])
    inbox.acknowledge([1 << 16 | 1])
    inbox.acknowledge([1 << 16 | 1, 1 << 16 | 2])
    assert inbox.due() == [1, 2]
