"""Which protocol version to try next.

``auto`` asks for 5 and keeps to 3.1.1 once the broker has said that it cannot. Others do not answer
at all (amqtt), or hang up without a word; but so does any broker that is just going down. After one
silence, or two such ends in a row, 3.1.1 is tried once, and 5 again the next time.
"""

from typing import Literal

from paho.mqtt.enums import MQTTProtocolVersion

from gateway.adapters.mqtt_session import Session

_SILENT_ENDS = 2
_FIVE, _FOUR = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


class Versions:
    """Remembers what one broker said."""

    def __init__(self, protocol: Literal["auto", "5", "3.1.1"]) -> None:
        self._fixed = {"5": _FIVE, "3.1.1": _FOUR}.get(protocol)
        self._refused = False
        self._silent = 0
        self._last = _FIVE

    def next(self) -> MQTTProtocolVersion:
        """The version to connect with."""
        self._last = self._fixed or self._choose()
        return self._last

    def learn(self, session: Session | None) -> bool:
        """Look at how a connection ended; True when another version should be tried at once."""
        if session is None:
            return False
        if session.unsupported and self._fixed is None and not self._refused:
            self._refused = True
            return True
        if self._last is _FOUR:
            self._silent = 0
            return False
        silent = session.accepted_mono_ms is None and not session.refused
        weight = _SILENT_ENDS if session.mute else 1
        self._silent = self._silent + weight if silent else 0
        return False

    def _choose(self) -> MQTTProtocolVersion:
        return _FOUR if self._refused or self._silent >= _SILENT_ENDS else _FIVE
