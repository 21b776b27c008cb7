"""Units: Tasmota names them beside the values, for the whole message or for one sensor.

Source: tasmota/docs docs/MQTT.md, ``TempUnit`` and ``PressureUnit``. What comes out is always in
degC and hPa, and the unit beside it says so: the user's mapping need not know the device's setting.
"""

from collections.abc import Callable, Mapping

from gateway.core.messages import Tree

_TEMPERATURES = frozenset({"Temperature", "DewPoint", "HeatIndex", "OBJTMP", "AMBTMP", "WetBulb"})
_PRESSURES = frozenset({"Pressure", "SeaPressure"})
_HPA = {"mmHg": 1.333224, "inHg": 33.86389, "kPa": 10.0, "Pa": 0.01, "psi": 68.94757}


def metric(tree: dict[str, Tree]) -> dict[str, Tree]:
    """Give the document in degC and hPa; nearly all are already."""
    return _convert(tree, "C", "hPa")


def _convert(tree: dict[str, Tree], degrees: str, pressure: str) -> dict[str, Tree]:
    """A unit holds for the objects below it, too."""
    degrees = _unit(tree, "TempUnit", degrees)
    pressure = _unit(tree, "PressureUnit", pressure)
    converted: dict[str, Tree] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            converted[key] = _convert(value, degrees, pressure)
        elif degrees == "F" and key in _TEMPERATURES:
            converted[key] = _each(value, _celsius)
        elif pressure in _HPA and key in _PRESSURES:
            converted[key] = _each(value, _HPA[pressure].__mul__)
        else:
            converted[key] = value
    if degrees == "F" and "TempUnit" in tree:
        converted["TempUnit"] = "C"
    if pressure in _HPA and "PressureUnit" in tree:
        converted["PressureUnit"] = "hPa"
    return converted


def _unit(tree: Mapping[str, Tree], key: str, above: str) -> str:
    unit = tree.get(key)
    return unit if isinstance(unit, str) else above


def _each(value: Tree, convert: Callable[[float], float]) -> Tree:
    """Convert a number or an array of numbers; null stays null."""
    if isinstance(value, list):
        return [_each(one, convert) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(convert(value), 6)


def _celsius(fahrenheit: float) -> float:
    return (fahrenheit - 32) / 1.8
