"""Berths: which packages the worker is to have, has, and will not get again.

A package that the worker refuses is out: trying again cannot help. One that killed or hung the
worker while it was being loaded is tried once more, after all others, so that they judge meanwhile;
then it is out, too. Without that, one bad package would take every model with it for ever.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.models.package import Package

STRIKES: Final = 2
"""A package that killed the worker this often while it was loaded is not loaded again."""


class Berths:
    """The packages of a site, by the name they are loaded under."""

    def __init__(self) -> None:
        """Nothing is wanted yet."""
        self.packages: Mapping[str, Package] = {}
        self.names: Mapping[str, str] = {}
        """Model -> name of its active version."""
        self.taken: set[str] = set()
        """Names that are loaded."""
        self._unfit: Mapping[str, str] = {}
        self._out: dict[str, str] = {}
        """Names that are not loaded again, and why."""
        self._strikes: Counter[str] = Counter()

    def want(
        self, packages: Mapping[str, Package], names: Mapping[str, str], unfit: Mapping[str, str]
    ) -> None:
        """These from now on; what is no longer wanted may be tried anew another time.

        Args:
            packages: by the name to load them under, active versions first.
            names: model -> name of its active version.
            unfit: models that are out already, and why.
        """
        self._out = {name: why for name, why in self._out.items() if name in packages}
        self._strikes = Counter({name: n for name, n in self._strikes.items() if name in packages})
        self.packages, self.names, self._unfit = packages, names, unfit

    @property
    def refused(self) -> Mapping[str, str]:
        """Models that are out, and why; a candidate that is out is none of them."""
        out = {model: self._out[name] for model, name in self.names.items() if name in self._out}
        return {**self._unfit, **out}

    def first(self) -> list[str]:
        """The active versions to load before anything is judged: none that killed the worker."""
        active = set(self.names.values())
        return [name for name in self.missing() if name in active and not self._strikes[name]]

    def missing(self) -> list[str]:
        """What is wanted and neither loaded nor out; what killed the worker comes last."""
        found = [name for name in self.packages if name not in self.taken | self._out.keys()]
        return sorted(found, key=lambda name: self._strikes[name])

    def surplus(self) -> set[str]:
        """What is loaded and no longer wanted."""
        return self.taken - self.packages.keys()

    def refuse(self, name: str, why: str) -> None:
        """It is not loaded (again)."""
        self._out[name] = why

    def strike(self, name: str, why: str) -> str:
        """It killed the worker while it was loaded; why it is out now, empty while it is not."""
        self._strikes[name] += 1
        if self._strikes[name] < STRIKES:
            return ""
        said = f"killed the worker {self._strikes[name]} times while it was loaded: {why}"
        self.refuse(name, said)
        return said
