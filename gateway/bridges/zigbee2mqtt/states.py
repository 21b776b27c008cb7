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
        uplink = self._uplink(device, tree, payload)
        block = tree.get("device")
        if type(block) is dict:
            return (*self._registry.introduce(device, block), uplink)
        return (uplink,)

    def _uplink(self, device: str, tree: dict[str, Tree], payload: bytes) -> Uplink:
        """The hot path: one state message."""
        seen_at_ms, origin, advanced = None, Origin.NONE, False
        if "last_seen" in tree:
            seen_at_ms = times.parse(tree["last_seen"], "auto")
            if seen_at_ms is not None:
                origin, advanced = Origin.LAST_SEEN, self._advanced(device, seen_at_ms)
        reason = Reason.OK
        if "update" in tree or self._registry.updating:
            reason = self._update(device, tree.get("update"))
        fresh = NEVER_CACHED
        if b'"action_' in payload or b'"button_' in payload:
            fresh = fresh.union(key for key in tree if key.startswith(_STEMS))
        return Uplink(
            device,
            tree,
            seen_at_ms,
            origin,
            None,
            reason,
            self._registry.info.cached,
            fresh,
            advanced,
            _link(tree),
        )

    def _advanced(self, device: str, at_ms: int) -> bool:
        """Note the stamp; True when it moved on since the device's previous message."""
        before = self._last_seen.get(device)
        if before is None and len(self._last_seen) >= DEVICES:
            del self._last_seen[next(iter(self._last_seen))]
        self._last_seen[device] = at_ms
        return before is not None and at_ms > before

    def _update(self, device: str, update: Tree) -> Reason:
        updating = self._registry.updating
        if isinstance(update, dict) and update.get("state") == "updating":
            if len(updating) < DEVICES:
                updating.add(device)
            return Reason.UPDATING
        updating.discard(device)
        return Reason.OK

    def _attribute(self, topic: str, value: Tree) -> Sequence[Event]:
        """Read a scalar: the last level is an attribute of the device that the others name."""
        device, _, key = topic.rpartition("/")
        if not device or isinstance(value, dict | list) or self._registry.device(topic):
            raise DecodeError("shape", "expected an object")
        if value is None or self._registry.info.output == "attribute_and_json":
            return ()  # no value, or one that the state brings too
        fresh = frozenset({key}) if key.startswith(_STEMS) else NEVER_CACHED
        return (Uplink(device, {key: value}, cached=self._registry.info.cached, fresh=fresh),)


def _link(tree: dict[str, Tree]) -> dict[str, float]:
    link: dict[str, float] = {}
    value = tree.get("linkquality")
    if type(value) is int or type(value) is float:
        link["lqi"] = value
    value = tree.get("battery")
    if type(value) is int or type(value) is float:
        link["battery"] = value
    return link


def _word(payload: bytes, error: DecodeError) -> str:
    """A bare word is an attribute; a broken object is a broken object."""
    if error.reason == "json":
        word = text(payload)
        if word.isprintable() and word.lstrip()[:1] not in {"{", "[", '"'}:
            return word
    raise error
