from gateway.core.messages import Message
from gateway.core.seen import Seen, delivery_key, uplink_key


def message(payload=b"1", packet_id=7, topic="t"):
    return Message("local", topic, payload, 1, False, False, 0, 0, receipt=3 << 16 | packet_id)


def test_a_redelivery_has_the_key_of_its_first_delivery_in_another_connection():
    first = message()
    again = first._replace(receipt=4 << 16 | 7, dup=True)
    assert delivery_key(first) == delivery_key(again) != 0


def test_another_packet_payload_or_topic_is_another_delivery():
    keys = {
        delivery_key(m)
        for m in (message(), message(b"2"), message(packet_id=8), message(topic="u"))
    }
    assert len(keys) == 4


def test_qos_0_has_no_delivery_key():
    assert delivery_key(message(packet_id=0)) == 0
    assert not Seen([]).add(0, only_if_dup=True, dup=True)


def test_a_delivery_key_counts_only_with_the_dup_flag():
    seen = Seen([])
    key = delivery_key(message())
    assert not seen.add(key, only_if_dup=True, dup=False)
    assert not seen.add(key, only_if_dup=True, dup=False)
    assert seen.add(key, only_if_dup=True, dup=True)


def test_a_dup_flag_alone_proves_nothing():
    assert not Seen([]).add(delivery_key(message()), only_if_dup=True, dup=True)


def test_a_bridges_own_key_counts_always():
    seen = Seen([])
    key = uplink_key("lora", "abc")
    assert not seen.add(key, only_if_dup=False, dup=False)
    assert seen.add(key, only_if_dup=False, dup=False)
    assert uplink_key("other", "abc") != key


def test_the_oldest_keys_are_forgotten_first():
    seen = Seen([3, 2, 1], memory=3)
    seen.add(4, only_if_dup=False, dup=False)
    assert len(seen) == 3
    assert not seen.add(1, only_if_dup=False, dup=False)
    assert seen.add(4, only_if_dup=False, dup=False)


def test_keys_fit_the_stores_integers():
    assert 0 < uplink_key("s", "d") < 2**63
    assert 0 < delivery_key(message(packet_id=65_535)) < 2**63
