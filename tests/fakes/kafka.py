"""librdkafka's mock cluster as a broker for other processes: real protocol, everything in memory.

It is no Kafka: it replicates nothing, forgets everything when its process ends, lets replaced
producers write on, and shows what was never committed. The rest is as in librdkafka's own tests.
"""

import struct
from typing import Any

from tests.fakes.relay import Relay


class Kafka:
    """One broker on loopback; topics come into being with four partitions when they are named."""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._cluster: Any = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0}
        )
        (broker,) = self._cluster.list_topics(timeout=30).brokers.values()
        self.port = int(broker.port)

    def relay(self, odds: float = 0.0, seed: int = 0) -> Relay:
        """In front of it: clients must not learn its own port."""
        relay = Relay(self.port, odds, seed)
        place = b"127.0.0.1" + struct.pack(">i", self.port)
        relay.swap = (place, b"127.0.0.1" + struct.pack(">i", relay.port))
        return relay

    def messages(self, topic: str, port: int = 0) -> list[Any]:
        """Every message of a topic, partition by partition, in its order."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{port or self.port}",
                "group.id": "reader",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        try:
            found = []
            for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
                consumer.assign([TopicPartition(topic, partition, 0)])
                while (message := consumer.poll(30)) is not None and message.error() is None:
                    found.append(message)
            return found
        finally:
            consumer.close()
