"""Pre-flight: what the registry says about an order before anything is sent.

It tells what is possible, not what is safe: the user's list of actions stands above it.
"""

from collections.abc import Callable, Mapping

from gateway.core.echoes import number
from gateway.core.messages import Device, Feature
from gateway.core.ports import Order
from gateway.errors import EncodeError

_DEVICE: tuple[tuple[str, Callable[[Device], bool], str], ...] = (
    ("disabled", lambda device: device.enabled, "it is disabled in Zigbee2MQTT"),
    ("unsupported", lambda device: device.supported, "Zigbee2MQTT has no definition of it"),
    ("interviewing", lambda device: device.interviewed, "its interview is not complete"),
)

NEAR = 1e-6
"""How far from a step a value may be, in steps."""


def check(order: Order, device: Device) -> None:
    """Hold an order against what the registry says about its device.

    Raises:
        EncodeError: ``disabled``, ``unsupported``, ``interviewing``, ``not_settable``, ``option``,
            ``value``.
    """
    for reason, passes, detail in _DEVICE:
        if not passes(device):
            raise EncodeError(reason, f"{device.device}: {detail}")
    features = {feature.property: feature for feature in device.features}
    for key in order.options or ():
        if key in features:
            raise EncodeError("option", f"{key!r} is a property of the device: say it under set")
    for key, value in order.set.items():
        feature = None if "." in key else features.get(key)
        if feature is None or not feature.settable:
            raise EncodeError("not_settable", f"{device.device} has no settable {key!r}")
        if not accepts(feature, value, features):
            raise EncodeError("value", f"{key}: {value!r} is not {_wanted(feature)}")


def accepts(feature: Feature, value: object, features: Mapping[str, Feature]) -> bool:
    """Tell whether a value is legal; members of a composite are found in ``features``."""
    legal = _LEGAL.get(feature.kind)
    if legal is not None:
        return legal(feature, value)
    if feature.kind != "composite":
        return True
    if not isinstance(value, Mapping) or not value:
        return False
    for name, inner in value.items():
        member = features.get(f"{feature.property}.{name}")
        if member is None or not member.settable or not accepts(member, inner, features):
            return False
    return True


def _member(feature: Feature, value: object) -> bool:
    """JSON tells true from 1, so must we."""
    return any(type(value) is type(one) and value == one for one in feature.values)


def _listed(feature: Feature, value: object) -> bool:
    return _member(feature, value) or (
        not isinstance(value, bool) and str(value) in map(str, feature.values)
    )


def _numeric(feature: Feature, value: object) -> bool:
    if isinstance(value, bool):
        return False
    amount = number(value)
    if amount is None or (isinstance(value, str) and not value.strip()[-1].isdigit()):
        return False
    inside = (feature.low is None or amount >= feature.low) and (
        feature.high is None or amount <= feature.high
    )
    return (inside and _on_step(feature, amount)) or amount in feature.values


def _on_step(feature: Feature, amount: float) -> bool:
    if not feature.step or feature.step < 0:
        return True
    steps = (amount - (feature.low or 0.0)) / feature.step
    return abs(steps - round(steps)) <= NEAR


def _list(feature: Feature, value: object) -> bool:
    if not isinstance(value, list | tuple):
        return False
    low, high = feature.low or 0, feature.high
    fits = len(value) >= low and (high is None or len(value) <= high)
    return fits and all(_ITEMS.get(feature.items, _anything)(item) for item in value)


def _anything(_item: object) -> bool:
    return True


_ITEMS: Mapping[str, Callable[[object], bool]] = {
    "numeric": lambda item: isinstance(item, int | float) and not isinstance(item, bool),
    "text": lambda item: isinstance(item, str),
    "binary": lambda item: isinstance(item, bool | str),
    "composite": lambda item: isinstance(item, Mapping) and bool(item),
    "list": lambda item: isinstance(item, list | tuple),
}


_LEGAL: Mapping[str, Callable[[Feature, object], bool]] = {
    "binary": _member,
    "enum": _listed,
    "numeric": _numeric,
    "list": _list,
    "text": lambda feature, value: isinstance(value, str),  # noqa: ARG005 - one shape for all
}


def _wanted(feature: Feature) -> str:
    """Say what would have been accepted."""
    step = "" if feature.step is None else f" in steps of {feature.step:g}"
    words = [repr(value) for value in feature.values]
    if feature.kind in {"numeric", "list"} and (feature.low, feature.high) != (None, None):
        low = "" if feature.low is None else f"{feature.low:g}"
        high = "" if feature.high is None else f"{feature.high:g}"
        words.insert(0, f"{low} to {high}{step}")
    return " or ".join(words) or f"a legal {feature.kind}"
