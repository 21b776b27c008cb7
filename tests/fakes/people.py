"""People who decide something over MQTT and wait for the answer."""

import json
from itertools import count
from typing import Any

from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

_numbers = count(1)


def say(zigbee: Zigbee, topic: str, **fields: object) -> Any:
    """Publish on ``edge/here/<topic>/set``; what is answered to it.

    Without a ``transaction`` of their own they take a new one.
    """
    fields.setdefault("transaction", f"person-{next(_numbers)}")
    said = answers(zigbee, topic, fields["transaction"])
    zigbee.peer.publish(f"edge/here/{topic}/set", json.dumps(fields))
    wait_until(lambda: len(answers(zigbee, topic, fields["transaction"])) > len(said), "an answer")
    return answers(zigbee, topic, fields["transaction"])[-1]


def done(zigbee: Zigbee, topic: str, **fields: object) -> Any:
    """As ``say``; it must be done, and its data comes back."""
    answer = say(zigbee, topic, **fields)
    assert answer["status"] == "ok", answer
    return answer["data"]


def refused(zigbee: Zigbee, topic: str, **fields: object) -> str:
    """As ``say``; it must be refused, and why comes back."""
    answer = say(zigbee, topic, **fields)
    assert answer["status"] == "error", answer
    return str(answer["error"])


def answers(zigbee: Zigbee, topic: str, transaction: object) -> list[Any]:
    """What was answered on a transaction."""
    name = topic.rpartition("/")[2]
    heard = zigbee.heard(f"edge/here/response/{name}")
    return [one for one in heard if one.get("transaction") == transaction]
