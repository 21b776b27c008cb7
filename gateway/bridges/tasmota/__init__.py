"""Tasmota, and the Zigbee devices behind Zigbee2Tasmota.

``bridge`` has the topics and the orders, ``units`` brings temperatures and pressures to one unit,
``zigbee`` reads ``ZbReceived``.
"""

from gateway.bridges.tasmota.bridge import Bridge
from gateway.bridges.tasmota.topics import Settings

__all__ = ["Bridge", "Settings"]
