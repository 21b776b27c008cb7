"""Reading requests, and where answers may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.core import requests
from gateway.core.messages import Message
from gateway.core.requests import RequestError, Response

ROOT = "edge/here/request/"
MODEL = requests.Asked("model")


def message(payload: bytes, *, retain: bool = False, properties: bytes = b"") -> Message:
    return Message("b", ROOT + "model", payload, 1, retain, False, 0, 0, 0, properties)


def test_a_request_keeps_its_transaction_and_the_answer_gives_it_back() -> None:
    asked = requests.read(message(b'{"op": "promote", "transaction": 7}'), MODEL)
    assert (asked.name, dict(asked.fields), asked.transaction) == ("model", {"op": "promote"}, 7)
    answer = requests.document(asked, Response({"active": "1.0.0"}), 0)
    assert (answer["status"], answer["transaction"]) == ("ok", 7)
    refused = requests.document(asked, Response({}, "no such model"), 0)
    assert (refused["status"], refused["error"]) == ("error", "no such model")
    assert "data" not in refused


def test_an_empty_request_is_one_without_fields() -> None:
    assert requests.read(message(b""), MODEL).fields == {}


@pytest.mark.parametrize("payload", [b"{", b"[]", b"7", b"\xff", b"{" + b" " * 9000 + b"}"])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(RequestError):
        requests.read(message(payload), MODEL)


@pytest.mark.parametrize("transaction", ["NaN", "[1]", "{}"])
def test_a_transaction_that_cannot_be_given_back_is_refused(transaction: str) -> None:
    with pytest.raises(RequestError, match="transaction"):
        requests.read(message(f'{{"transaction": {transaction}}}'.encode()), MODEL)


@pytest.mark.parametrize(
    ("topic", "about"),
    [
        ("edge/here/request/model", ("model", "", False)),
        ("edge/here/asset/pump/override/set", ("override", "pump", True)),
        ("edge/here/stop/set", ("stop", "", True)),
        ("edge/here/asset/pump/state", None),
        ("edge/here/asset/pump/override", None),
        ("edge/here2/stop/set", None),
        ("edge/here", None),
    ],
)
def test_a_topic_says_what_is_asked(topic: str, about: tuple[str, str, bool] | None) -> None:
    assert requests.asked(topic, "edge/here") == about


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30),
    st.binary(min_size=1, max_size=30),
    st.booleans(),
)
def test_the_response_topic_is_found_where_paho_puts_it(
    topic: str, correlation: bytes, more: bool
) -> None:
    given_ = Properties(PacketTypes.PUBLISH)
    given_.ResponseTopic, given_.CorrelationData = topic, correlation
    if more:
        given_.MessageExpiryInterval, given_.ContentType = 9, "application/json"
        given_.UserProperty = ("a", "b")
    whole = given_.pack()
    start = next(at for at, byte in enumerate(whole) if byte < 128) + 1
    assert requests.reply(whole[start:]) == (topic, correlation)


@given(st.binary(max_size=60))
def test_no_bytes_are_too_bad_to_look_for_a_response_topic_in(properties: bytes) -> None:
    requests.reply(properties)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("app/answers/1", True),
        ("zigbee2mqtt/plug/set", False),
        ("$SYS/x", False),
        ("app/#", False),
        ("", False),
        ("x" * 300, False),
    ],
)
def test_answers_never_go_where_devices_live(topic: str, allowed: bool) -> None:
    assert requests.may_answer(topic, ["zigbee2mqtt/+"]) is allowed
    assert not requests.may_answer(topic, ["+/plug"])
