"""What a value without a unit is probably measured in: by its key, and by who says it.

Sources: lorawan-devices, docs of the normalized payload (The Things Stack); tasmota/docs,
docs/MQTT.md and docs/Commands.md; the names that codecs of LoRaWAN devices commonly give.
"""

import re
from typing import Final, NamedTuple

from gateway.core import units

_KNOWN: Final = {
    "zigbee2mqtt": {},
    "tasmota": {
        "Power": "W", "ApparentPower": "VA", "ReactivePower": "var", "Voltage": "V",
        "Current": "A", "Total": "kWh", "Today": "kWh", "Yesterday": "kWh", "Frequency": "Hz",
        "Temperature": "degC", "DewPoint": "degC", "Humidity": "%RH", "Pressure": "hPa",
        "SeaPressure": "hPa", "Illuminance": "lx", "BatteryPercentage": "%", "Distance": "cm",
    },
    "thethings": {
        "air.temperature": "degC", "air.relativeHumidity": "%RH", "air.pressure": "hPa",
        "air.co2": "ppm", "air.lightIntensity": "lx", "wind.speed": "m/s", "battery": "V",
        "water.temperature.current": "degC", "soil.temperature": "degC", "soil.moisture": "%",
        "soil.depth": "cm", "rain.intensity": "mm/h", "metering.water.total": "l",
    },
}  # fmt: skip
"""By the bridge's documentation: the last part of the path decides."""
_LIKELY: Final = (
    (r"(.*_)?(temp|temperature|temperatur)(_.*)?", "degC"),
    (r"(.*_)?(relative_?)?(humidity|humid)(_.*)?", "%RH"),
    (r"(.*_)?(soil_)?moisture(_.*)?", "%"),
    (r"(.*_)?battery_?(voltage|v)", "V"),
    (r"(.*_)?(battery|bat|soc)(_level|_percent(age)?)?", "%"),
    (r"(.*_)?(voltage|volt)(_.*)?", "V"),
    (r"(.*_)?current(_l?[0-9])?", "A"),
    (r"(.*_)?(active_)?power(_l?[0-9])?", "W"),
    (r"(.*_)?(energy|total_energy|active_energy)", "kWh"),
    (r"(.*_)?(barometric_)?(air_)?pressure", "hPa"),
    (r"(.*_)?co2", "ppm"),
    (r"(.*_)?(illuminance|lux|light_intensity)", "lx"),
    (r"(.*_)?(vibration|velocity)(_rms)?", "mm/s"),
    (r"(.*_)?(flow|flow_rate)", "l/min"),
    (r"(.*_)?(rpm|speed_rpm)", "rpm"),
    (r"(.*_)?frequency", "Hz"),
)
"""By custom only: the file says so beside the metric."""


class Unit(NamedTuple):
    """A unit, and how sure it is."""

    symbol: str
    guessed: bool = False


NO_UNIT: Final = Unit("")


CELL_V: Final = 5.0
"""A battery at 3.6 is a cell's voltage, and no percentage."""


def of_key(kind: str, path: str, value: float) -> Unit:
    """The unit of a value of a bridge of this kind; empty when nothing is known."""
    for ending, symbol in _KNOWN.get(kind, {}).items():
        if path == ending or path.endswith((f".{ending}", f"].{ending}")):
            return Unit(units.canonical(symbol) or symbol)
    key = path.rpartition(".")[2].strip('"')
    told = units.suffix(key)
    if told:
        return Unit(told)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    likely = (symbol for pattern, symbol in _LIKELY if re.fullmatch(pattern, words))
    symbol = next(likely, "")
    cell = symbol == "%" and "bat" in words and 0 < value <= CELL_V and isinstance(value, float)
    return Unit("V" if cell else symbol, guessed=True)


def of_word(unit: str) -> Unit:
    """The unit that a registry names; one we do not know stays as it is written."""
    return Unit(units.canonical(unit) or unit)
