"""ChirpStack v4, in JSON and protobuf, and v3 in its two JSON forms.

``bridge`` has the topics and the orders, ``events`` what each event means, ``protobuf`` and ``v3``
bring other encodings into the shape of v4 JSON.
"""

from gateway.bridges.chirpstack.bridge import Bridge, Settings

__all__ = ["Bridge", "Settings"]
