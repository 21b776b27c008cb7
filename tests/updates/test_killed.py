"""A visit that ends at any write: the next one goes on, and nothing is half there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import delivery
from gateway.models.package import verify
from gateway.updates import configuration, files
from gateway.updates.configuration import Trial
from gateway.updates.record import FILE, Record, Taken, changing
from tests.updates.plant import FILE as TEXT
from tests.updates.plant import Plant

LOUD = f"assets:{TEXT.partition('assets:')[2].replace('> 90', '> 80')}"
MOST = 60


class Killed(BaseException):
    """Nothing that the program catches."""


class Points:
    """Ends the program before, or after, its n-th change of a file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0
        self.last = 0
        """0: never."""
        for place, name in ((files, "put"), (files, "link"), (files, "remove")):
            monkeypatch.setattr(place, name, self.counted(getattr(place, name)))
        monkeypatch.setattr(Path, "replace", self.counted(Path.replace))

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*words: Any, **more: Any) -> Any:
            self.passed += 1
            if self.passed == self.last:
                raise Killed
            return call(*words, **more)

        return counting


def test_killed_at_any_write_the_next_visit_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = Points(monkeypatch)
    point = 0
    with Plant(tmp_path / "plant") as plant:
        plant.offer("1.1.0")
        plant.offer_config(LOUD)
        while point < MOST:
            point += 1
            plant.state.rename(tmp_path / f"before-{point}") if plant.state.exists() else None
            points.passed, points.last = 0, point
            try:
                plant.visit()
                break
            except Killed:
                points.last = 0
            _whole(plant)
            assert plant.visit()["why"] == "", point
            _done(plant)
        else:
            pytest.fail("it never came to its end")
        _done(plant)
    assert point > 15


def _whole(plant: Plant) -> None:
    """The gateway can start with what is there."""
    link = delivery.package(plant.state, "heat")
    if link is not None:
        verify(link)
    settings = config.load(plant.file)
    assert settings.received_why == ""
    if (plant.state / FILE).exists():
        json.loads((plant.state / FILE).read_text())


def _done(plant: Plant) -> None:
    settings = config.load(plant.file)
    assert plant.delivered() == "1.1.0"
    trial = Trial.load(plant.state)
    assert trial is not None
    assert settings.received == trial.taken.sha256
    assert not [file for file in (plant.state / "parts").iterdir() if file.suffix != ".part"]


def test_killed_while_it_goes_back_the_next_start_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = Points(monkeypatch)
    data, taken = b"assets: {}", Taken("config/gateway/here.yaml", "", "", 1)
    taken = taken._replace(sha256=delivery.digest(data))
    for point in range(1, MOST):
        folder = tmp_path / str(point)
        with changing(folder) as record:
            configuration.apply(folder, record, taken, data)
        Trial(taken, starts=configuration.STARTS).save(folder)
        points.passed, points.last = 0, point
        try:
            _started(folder)
            break
        except Killed:
            points.last = 0
        _started(folder)
        assert not delivery.configuration(folder).exists(), point
        record = Record.load(folder)
        assert taken.sha256 in record.out
        events = [told["event"] for told in record.untold]
        assert events == ["update_applied", "update_rolled_back"], point
    assert point > 4


def _started(folder: Path) -> None:
    with changing(folder) as record:
        configuration.started(folder, record)
