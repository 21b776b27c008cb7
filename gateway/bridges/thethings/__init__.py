"""The Things Stack v3.

``bridge`` has the topics, the orders and what became of them, ``uplinks`` what devices say.
"""

from gateway.bridges.thethings.bridge import Bridge, Settings

__all__ = ["Bridge", "Settings"]
