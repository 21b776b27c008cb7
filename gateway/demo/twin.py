"""The same plant with nobody to stop its pump: when the threshold rule would have fired."""

from copy import deepcopy

from gateway.demo.plant import WEARING, Plant, Row

RULE = "temperature > 90"
"""The rule of ``demo.yaml``."""
LIMIT = 90.0
PATIENCE_S = 600.0


class Twin:
    """A copy of the plant, noise and all; it must be stepped exactly as the plant is."""

    def __init__(self, plant: Plant) -> None:
        self.fired: Row | None = None
        """What the pump showed when the rule became true."""
        self._plant = deepcopy(plant)

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` pass."""
        self._plant.step(dt_s)
        row = self._plant.pumps[WEARING].row
        if self.fired is None and row.temperature > LIMIT:
            self.fired = row

    def finish(self) -> Row | None:
        """Run on until the rule fires; None when it does not within ten minutes."""
        until_s = self._plant.at_s + PATIENCE_S
        while self.fired is None and self._plant.at_s < until_s:
            self.step(0.1)
        return self.fired
