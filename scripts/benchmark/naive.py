"""What somebody writes in an afternoon: one callback that parses, stores, judges and commands.

``python -m scripts.benchmark.naive PORT DATABASE MODEL EVERY`` judges a device's last eight
messages with every EVERY-th of them. It is spared what an afternoon's script often gets wrong: it
has WAL, one insert for all values of a message, and one onnxruntime thread. It syncs with each
commit, as SQLite does unless told otherwise: what the daemon promises holds for it, too.
"""

import json
import sqlite3
import sys
from collections import Counter, defaultdict, deque
from typing import Any

import numpy as np
import onnxruntime as ort
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

METRICS = ("current", "energy", "linkquality", "power", "temperature", "vibration", "voltage")
ROWS = 8

port, database, model, every = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
store = sqlite3.connect(database)
store.execute("PRAGMA journal_mode = WAL")
store.execute(f"CREATE TABLE reading (topic TEXT, {', '.join(METRICS)})")
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options)
windows: dict[str, deque[list[float]]] = defaultdict(lambda: deque(maxlen=ROWS))
counts: Counter[str] = Counter()


def on_message(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
    document = json.loads(message.payload)
    values = [document[metric] for metric in METRICS]
    store.execute("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (message.topic, *values))
    store.commit()
    window = windows[message.topic]
    window.append(values)
    counts[message.topic] += 1
    if len(window) == ROWS and counts[message.topic] % every == 0:
        (score,) = session.run(["score"], {"window": np.array([window], dtype=np.float32)})
        if score[0, 0] >= 1:
            client.publish(f"{message.topic}/set", '{"state":"OFF"}', 1)


client = paho.Client(CallbackAPIVersion.VERSION2, client_id="naive")
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe("zigbee2mqtt/+", 1)
client.on_subscribe = lambda *_: print(0, flush=True)
client.connect("127.0.0.1", port)
client.loop_forever()
