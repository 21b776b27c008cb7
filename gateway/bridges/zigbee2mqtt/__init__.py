"""Zigbee2MQTT, 1.x and 2.x.

``bridge`` has the topics and the orders, ``states`` reads what devices say, ``registry`` what is
said about them. ``exposes`` and ``info`` read the registry's documents, ``preflight`` holds orders
against it, ``failures`` reads the log, the only place that tells of a failed command.
"""

from gateway.bridges.zigbee2mqtt.bridge import Bridge, Settings

__all__ = ["Bridge", "Settings"]
