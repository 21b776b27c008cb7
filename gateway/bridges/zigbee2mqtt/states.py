"""What devices say: ``base/name``, and with ``advanced.output: attribute`` one topic per value.

Source: zigbee2mqtt lib/controller.ts, lib/state.ts.

A friendly name may hold slashes and spaces, so ``a/b`` is a device, unless its payload is a scalar:
then it is the attribute ``b`` of ``a``. A message carries every value ever seen, of any age.
"""

from collections.abc import Mapping, Sequence

from gateway.bridges.zigbee2mqtt.registry import DEVICES, Registry
from gateway.core import times
from gateway.core.documents import load, text
from gateway.core.messages import Event, Message, Origin, Reason, Tree, Uplink
from gateway.errors import DecodeError

ASIDE = frozenset({"device", "elapsed", "last_seen", "update", "update_available"})
"""What a state says beside the device's measurements and settings."""
NEVER_CACHED = frozenset(
    {
        "action",
        "button",
        "duration",
        "elapsed",
        "forgotten",
        "from_side",
        "group_capacity",
        "group_list",
        "keyerror",
        "no_occupancy_since",
        "step_mode",
        "step_size",
        "to_side",
        "transition_time",
    }
)
_STEMS = ("action_", "button_")
"""Keys that start so are never cached either."""
_OK, _NONE, _LAST_SEEN = Reason.OK, Origin.NONE, Origin.LAST_SEEN
_new = tuple.__new__  # a third of the time of NamedTuple's own
_LAST_MS = 253_402_300_800_000
"""Year 10000."""


class States:
    """The states of the devices, and when each was last seen."""

    def __init__(self, registry: Registry) -> None:
        """Start with no device seen."""
        self._registry = registry
        self._last_seen: dict[str, int] = {}

    def read(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """Read one message."""
        device, payload = names["device"], message.payload
        if not payload:
            return ()  # the retained state of a renamed or removed device was cleared
        try:
            tree = load(payload)
        except DecodeError as error:
            return self._attribute(device, _word(payload, error))
        if type(tree) is not dict:
            return self._attribute(device, tree)
        if not message.retain:
            self._registry.check_ins.note(device, message.received_mono_ms)
        uplink = self._uplink(device, tree, payload)
        block = tree.get("device")
        if type(block) is dict:
            return (*self._registry.introduce(device, block), uplink)
        return (uplink,)

    def _uplink(self, device: str, tree: dict[str, Tree], payload: bytes) -> Uplink:
        """The hot path: one state message."""
        registry = self._registry
        seen_at_ms, origin, advanced = None, _NONE, False
        if "last_seen" in tree:
            seen_at_ms = _seen_at_ms(tree["last_seen"])
            if seen_at_ms is not None:
                origin, advanced = _LAST_SEEN, self._advanced(device, seen_at_ms)
        reason = _OK
        update = tree.get("update")
        if type(update) is dict and update.get("state") == "updating":
            reason = Reason.UPDATING
            if len(registry.updating) < DEVICES:
                registry.updating.add(device)
        elif registry.updating:
            registry.updating.discard(device)
        fresh = NEVER_CACHED
        # ``in`` makes an error of its own first, as if a number were looked for
        if payload.find(b'"action_') >= 0 or payload.find(b'"button_') >= 0:
            fresh = fresh.union(key for key in tree if key.startswith(_STEMS))
        link: dict[str, float] = {}
        value = tree.get("linkquality")
        if type(value) is int or type(value) is float:
            link["lqi"] = value
        value = tree.get("battery")
        if type(value) is int or type(value) is float:
            link["battery"] = value
        about = (device, tree, seen_at_ms, origin, None, reason)
        return _new(Uplink, (*about, registry.info.cached, fresh, advanced, link, None, ASIDE))

    def _advanced(self, device: str, at_ms: int) -> bool:
        """Note the stamp; True when it moved on since the device's previous message."""
        before = self._last_seen.get(device)
        if before is None and len(self._last_seen) >= DEVICES:
            del self._last_seen[next(iter(self._last_seen))]
        self._last_seen[device] = at_ms
        return before is not None and at_ms > before

    def _attribute(self, topic: str, value: Tree) -> Sequence[Event]:
        """Read a scalar: the last level is an attribute of the device that the others name."""
        if value is None:
            return ()
        device, _, key = topic.rpartition("/")
        if not device or isinstance(value, dict | list) or self._registry.device(topic):
            raise DecodeError("shape", "expected an object")
        if self._registry.info.output == "attribute_and_json":
            return ()  # the state brings it too
        fresh = frozenset({key}) if key.startswith(_STEMS) else NEVER_CACHED
        return (Uplink(device, {key: value}, cached=self._registry.info.cached, fresh=fresh),)


def _seen_at_ms(value: Tree) -> int | None:
    """``epoch`` is milliseconds; ``ISO_8601`` and ``ISO_8601_local`` have an offset."""
    if type(value) is int:
        return value if 0 < value < _LAST_MS else None
    return times.parse(value, "iso8601")


def _word(payload: bytes, error: DecodeError) -> str:
    """A bare word is an attribute; a broken object is a broken object."""
    if error.reason == "json":
        word = text(payload)
        if word.isprintable() and word.lstrip()[:1] not in {"{", "[", '"'}:
            return word
    raise error
