"""Readers of two public data sets, as runs of one machine each.

SKAB (Katser & Kozitsin 2020): a water-pump test bed, one row a second. C-MAPSS (Saxena et al.
2008): simulated turbofan engines, one row a flight. Neither is part of this project;
``docs/results.md`` says where they come from and under which licence.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SKAB: Mapping[str, tuple[str, str]] = {
    "Accelerometer1RMS": ("vibration_1", "g"),
    "Accelerometer2RMS": ("vibration_2", "g"),
    "Current": ("current", "A"),
    "Pressure": ("pressure", "bar"),
    "Temperature": ("temperature", "degC"),
    "Thermocouple": ("fluid_temperature", "degC"),
    "Voltage": ("voltage", "V"),
    "Volume Flow RateRMS": ("flow", "l/min"),
}
"""Column -> metric and unit."""
CMAPSS: Mapping[str, tuple[str, str]] = {
    **{f"set{i}": (f"setting_{i}", unit) for i, unit in enumerate(("", "", "%"), 1)},
    **{f"s{i}": (f"sensor_{i}", "") for i in range(1, 22)},
}


@dataclass(frozen=True, slots=True)
class Run:
    """One machine's history."""

    name: str
    """``valve1-3``, ``train_FD001-17``."""
    units: Mapping[str, str]
    """Metric -> unit, in column order."""
    values: Floats
    """n x columns."""
    faulty: Flags
    """n; what the data set calls an anomaly, all False where it does not say."""
    at_s: Floats
    """n; seconds since the first row, as recorded."""

    def columns(self, names: tuple[str, ...]) -> Floats:
        """Some columns, in the given order."""
        order = list(self.units)
        return self.values[:, [order.index(name) for name in names]]


def runs(data: Path) -> Iterator[Run]:
    """Every run below a directory (or in one file), by its kind of file, in order of the names.

    Raises:
        FileNotFoundError: there is no data.
    """
    files = sorted(data.rglob("*.csv.gz"), key=_natural) if data.is_dir() else [data]
    if not files or not files[0].exists():
        raise FileNotFoundError(f"no .csv.gz below {data}")
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            delimiter = ";" if ";" in lines.readline() else ","
            lines.seek(0)
            rows = list(csv.DictReader(lines, delimiter=delimiter))
        if "datetime" in rows[0]:
            yield _skab(f"{file.parent.name}-{file.name.removesuffix('.csv.gz')}", rows)
        else:
            yield from _cmapss(file.name.removesuffix(".csv.gz"), rows)


def _skab(name: str, rows: list[dict[str, str]]) -> Run:
    at_s = np.array([row["datetime"] for row in rows], dtype="datetime64[s]").astype(np.float64)
    faulty = np.array([float(row.get("anomaly") or 0) > 0 for row in rows])
    return Run(name, dict(SKAB.values()), _values(rows, SKAB), faulty, at_s - at_s[0])


def _cmapss(name: str, rows: list[dict[str, str]]) -> Iterator[Run]:
    for unit in dict.fromkeys(row["unit"] for row in rows):
        own = [row for row in rows if row["unit"] == unit]
        count = len(own)
        yield Run(
            f"{name}-{unit}",
            dict(CMAPSS.values()),
            _values(own, CMAPSS),
            np.zeros(count, dtype=np.bool_),
            np.arange(count, dtype=np.float64),
        )


def _values(rows: list[dict[str, str]], columns: Mapping[str, object]) -> Floats:
    return np.array([[float(row[column]) for column in columns] for row in rows])


def _natural(file: Path) -> tuple[str, int, str]:
    digits = "".join(filter(str.isdigit, file.name.split(".")[0]))
    return str(file.parent), int(digits or 0), file.name
