"""Stock paho, manual acknowledgement, a callback that counts: the least a Python client can do.

``python -m scripts.benchmark.bare PORT MARK...`` prints each mark when so many messages have come.
"""

import sys
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

port, *marks = map(int, sys.argv[1:])
count = 0


def on_message(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
    global count  # noqa: PLW0603  # a counting callback
    count += 1
    client.ack(message.mid, message.qos)
    if count in marks:
        print(count, flush=True)


client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bare", manual_ack=True)
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe("zigbee2mqtt/+", 1)
client.on_subscribe = lambda *_: print(0, flush=True)
client.connect("127.0.0.1", port)
client.loop_forever()
