"""Units: one symbol for each, its other spellings, and how to get from one to another.

The symbols follow SenML (RFC 8428) where it has one, except ``degC`` (SenML: ``Cel``) and ``rpm``.
``g`` is the acceleration of free fall, as vibration sensors mean it; a gram is ``gram``.
"""

_UNITS: dict[str, dict[str, tuple[float, float]]] = {
    # dimension: symbol: (scale, offset), with base = value * scale + offset in its first unit
    "temperature": {"degC": (1, 0), "degF": (5 / 9, -160 / 9), "K": (1, -273.15)},
    "share": {"1": (1, 0), "%": (0.01, 0), "ppm": (1e-6, 0), "ppb": (1e-9, 0)},
    "humidity": {"%RH": (1, 0)},
    "voltage": {"V": (1, 0), "mV": (1e-3, 0), "kV": (1e3, 0)},
    "current": {"A": (1, 0), "mA": (1e-3, 0)},
    "power": {"W": (1, 0), "mW": (1e-3, 0), "kW": (1e3, 0), "MW": (1e6, 0)},
    "apparent power": {"VA": (1, 0), "kVA": (1e3, 0)},
    "reactive power": {"var": (1, 0), "kvar": (1e3, 0)},
    "energy": {
        "Wh": (1, 0),
        "kWh": (1e3, 0),
        "MWh": (1e6, 0),
        "mWh": (1e-3, 0),
        "J": (1 / 3600, 0),
        "kJ": (1 / 3.6, 0),
    },
    "pressure": {
        "Pa": (1, 0),
        "hPa": (100, 0),
        "kPa": (1e3, 0),
        "MPa": (1e6, 0),
        "bar": (1e5, 0),
        "mbar": (100, 0),
        "psi": (6894.757293168, 0),
    },
    "velocity": {
        "m/s": (1, 0),
        "cm/s": (0.01, 0),
        "mm/s": (1e-3, 0),
        "um/s": (1e-6, 0),
        "in/s": (0.0254, 0),
        "km/h": (1 / 3.6, 0),
    },
    "acceleration": {"m/s2": (1, 0), "g": (9.80665, 0), "mm/s2": (1e-3, 0)},
    "rotation": {"Hz": (1, 0), "kHz": (1e3, 0), "rpm": (1 / 60, 0)},
    "time": {
        "s": (1, 0),
        "ms": (1e-3, 0),
        "us": (1e-6, 0),
        "min": (60, 0),
        "h": (3600, 0),
        "d": (86_400, 0),
    },
    "flow": {
        "m3/s": (1, 0),
        "m3/h": (1 / 3600, 0),
        "l/s": (1e-3, 0),
        "l/min": (1e-3 / 60, 0),
        "l/h": (1e-3 / 3600, 0),
    },
    "volume": {"m3": (1, 0), "l": (1e-3, 0), "ml": (1e-6, 0)},
    "length": {"m": (1, 0), "cm": (0.01, 0), "mm": (1e-3, 0), "um": (1e-6, 0), "km": (1e3, 0)},
    "mass": {"kg": (1, 0), "gram": (1e-3, 0), "t": (1e3, 0)},
    "torque": {"Nm": (1, 0)},
    "force": {"N": (1, 0), "kN": (1e3, 0)},
    "resistance": {"Ohm": (1, 0), "kOhm": (1e3, 0), "MOhm": (1e6, 0)},
    "angle": {"rad": (1, 0), "deg": (0.017453292519943295, 0)},
    "illuminance": {"lx": (1, 0)},
    "level": {"dB": (1, 0)},
    "signal": {"dBm": (1, 0)},
    "link quality": {"lqi": (1, 0)},
    "conductivity": {"S/m": (1, 0), "uS/cm": (1e-4, 0), "mS/cm": (0.1, 0)},
}

_ALIASES = {  # the micro sign and the Greek mu are both in use
    "degC": ("°C", "℃", "Cel", "C", "celsius"),
    "degF": ("°F", "℉", "F", "fahrenheit"),
    "K": ("kelvin",),
    "%": ("percent", "pct"),
    "%RH": ("%rh", "RH"),
    "V": ("volt", "volts"),
    "A": ("amp", "amps", "ampere"),
    "W": ("watt", "watts"),
    "mbar": ("millibar",),
    "psi": ("PSI",),
    "mm/s": ("mm_s", "mmps"),
    "um/s": ("µm/s", "μm/s"),
    "km/h": ("km_h", "kmh", "kph"),
    "m/s": ("m_s", "mps"),
    "m/s2": ("m/s²", "m/s^2", "m_s2"),
    "rpm": ("r/min", "1/min", "/min", "min-1"),
    "s": ("sec", "second", "seconds"),
    "us": ("µs", "μs"),
    "min": ("minute", "minutes"),
    "h": ("hr", "hour", "hours"),
    "d": ("day", "days"),
    "m3/h": ("m³/h", "m^3/h", "cbm/h"),
    "m3/s": ("m³/s", "m^3/s"),
    "l/min": ("lpm",),
    "m3": ("m³", "m^3", "cbm"),
    "l": ("liter", "litre"),
    "um": ("µm", "μm"),
    "Ohm": ("Ω", "ohms"),
    "kOhm": ("kΩ",),
    "deg": ("°",),
    "lx": ("lux",),
    "uS/cm": ("µS/cm", "μS/cm"),
    "1": ("ratio",),
}

_DIMENSION = {symbol: name for name, symbols in _UNITS.items() for symbol in symbols}
_BASE = {symbol: pair for symbols in _UNITS.values() for symbol, pair in symbols.items()}
_SPELLED = {alias: symbol for symbol, aliases in _ALIASES.items() for alias in aliases}
_SPELLED |= {symbol: symbol for symbol in _BASE}
_FOLDED: dict[str, set[str]] = {}
for _spelling, _symbol in _SPELLED.items():
    _FOLDED.setdefault(_spelling.casefold(), set()).add(_symbol)

SYMBOLS = tuple(_BASE)
"""Every unit that can be converted."""


def canonical(unit: str) -> str | None:
    """Give the symbol of a unit however it is spelled; None for an unknown one.

    Capitals are ignored only where that leaves one meaning: ``MW`` and ``mW`` differ.
    """
    unit = unit.strip()
    if unit in _SPELLED:
        return _SPELLED[unit]
    symbols = _FOLDED.get(unit.casefold(), set())
    return next(iter(symbols)) if len(symbols) == 1 else None


def convert(from_unit: str, to_unit: str) -> tuple[float, float] | None:
    """Give (scale, offset) with ``to = from * scale + offset``; None when there is no way."""
    source, target = canonical(from_unit), canonical(to_unit)
    if source is None or target is None or _DIMENSION[source] != _DIMENSION[target]:
        return None
    if source == target:
        return 1.0, 0.0
    (scale, offset), (per, zero) = _BASE[source], _BASE[target]
    return scale / per, (offset - zero) / per


def suffix(key: str) -> str:
    """Give the unit that a key itself names, as in ``pressure_hPa``; empty when it names none."""
    for cut in range(len(key) - 1, 0, -1):
        if key[cut] == "_" and key[cut + 1 :] in _SUFFIXES:
            return _SPELLED[key[cut + 1 :]]
    return ""


_SUFFIXES = frozenset(
    {"C", "F", "hPa", "kPa", "Pa", "bar", "mbar", "PSI", "V", "mV", "A", "mA", "W", "kW", "Wh"}
    | {"kWh", "Hz", "rpm", "mm_s", "m_s", "km_h", "mm", "lux", "pct", "dBm"}
)
"""Key endings as rtl_433 (docs/DATA_FORMAT.md) and its like write them; case decides."""
