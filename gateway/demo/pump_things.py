"""The sensors and plugs of the cooling plant's pumps."""

from dataclasses import dataclass
from struct import pack

from gateway.demo.plant import Pump
from gateway.demo.registry_zigbee2mqtt import BEHAVIORS, WORDS, plug_exposes
from gateway.demo.thing import Answer

MAINS_V = 230


@dataclass(slots=True)
class _Of:
    """Something at a pump; by itself it takes no orders."""

    id: str
    name: str
    pump: Pump
    every_s: float
    silent: bool = False

    def frame(self) -> bytes:
        """Nothing: it is on no LoRaWAN."""
        return b""

    def answer(self, key: str, value: object) -> Answer:
        """It has nothing that could be set."""
        del key, value
        return "unknown"

    def obey(self, key: str, value: object) -> bool:
        """It does nothing."""
        del key, value
        return False

    def exposes(self) -> list[dict[str, object]]:
        """It is on no Zigbee."""
        return []


@dataclass(slots=True)
class Shaker(_Of):
    """A vibration and temperature sensor on a bearing."""

    def feel(self) -> dict[str, object]:
        """As its codec decodes it."""
        vibration, temperature = self._row()
        return {"vibration": vibration, "temperature": temperature, "battery": 3.6}

    def frame(self) -> bytes:
        """Hundredths of mm/s, tenths of a degree, battery."""
        vibration, temperature = self._row()
        return pack(">HhB", int(vibration * 100), int(temperature * 10), 230)

    def _row(self) -> tuple[float, float]:
        row = self.pump.row
        return round(row.vibration, 2), round(row.temperature, 1)


@dataclass(slots=True)
class FlowMeter(_Of):
    """A flow meter in a pump's outlet."""

    def feel(self) -> dict[str, object]:
        """As its codec decodes it."""
        return {"battery": 3.6, "flow": round(self.pump.row.flow, 1)}

    def frame(self) -> bytes:
        """Tenths of a litre a minute, battery."""
        return pack(">HB", int(round(self.pump.row.flow, 1) * 10), 36)


@dataclass(slots=True)
class PumpPlug(_Of):
    """A metering plug that a pump is on."""

    behavior: str = "previous"

    def feel(self) -> dict[str, object]:
        """A metering report."""
        power = round(self.pump.row.power, 1) or 0
        return {
            "current": round(power / MAINS_V, 2),
            "energy": round(self.pump.energy_kwh, 3),
            "power": power,
            "state": "ON" if self.pump.on else "OFF",
            "power_on_behavior": self.behavior,
            "voltage": MAINS_V,
        }

    def answer(self, key: str, value: object) -> Answer:
        """Its relay, and what it does when power comes back."""
        if key == "state":
            return "taken" if str(value).upper() in WORDS else "refused"
        if key == "power_on_behavior":
            return "taken" if value in BEHAVIORS else "refused"
        return "unknown"

    def obey(self, key: str, value: object) -> bool:
        """Switch."""
        if key == "power_on_behavior":
            self.behavior = str(value)
            return False
        word = str(value).upper()
        self.pump.on = not self.pump.on if word == "TOGGLE" else word == "ON"
        return True

    def exposes(self) -> list[dict[str, object]]:
        """As Zigbee2MQTT describes such a plug."""
        return plug_exposes()
