"""Configuration of a visit: what is for this gateway is checked, and put in force on trial."""

from pathlib import Path
from typing import Final

from gateway.config import BadFileError, machine
from gateway.config.loader import load_over
from gateway.core.updates import Offer, held
from gateway.errors import RepositoryRefusedError
from gateway.updates import configuration
from gateway.updates.configuration import ABOUT, Trial
from gateway.updates.record import Record, Taken, changing
from gateway.updates.visit import Visit

MAX_BYTES: Final = 1 << 20


def look(visit: Visit) -> None:
    """Take what is new; while one is on trial, only look whether it is still offered.

    Raises:
        UpdateError: it did not come, or is not to be believed.
    """
    record, trial = Record.load(visit.folder), Trial.load(visit.folder)
    offer = _offered(visit, record)
    if trial is not None:
        if offer is None or offer.sha256 != trial.taken.sha256:
            _withdraw(visit, trial)
    elif offer is not None and (record.config is None or record.config.sha256 != offer.sha256):
        _take(visit, offer)


def _offered(visit: Visit, record: Record) -> Offer | None:
    """What is for this gateway by its name, else what is for its ring."""
    places = [f"gateway/{visit.here.gateway}"]
    places += [f"ring/{visit.here.ring}"] if visit.here.ring else []
    for place in places:
        offer = visit.catalogue.offer(f"config/{place}.yaml")
        if offer is None:
            continue
        if offer.length > MAX_BYTES:
            raise RepositoryRefusedError(f"{offer.path}: {offer.length} bytes, at most {MAX_BYTES}")
        why = record.out.get(offer.sha256) or held(offer, visit.here)
        visit.found.append(f"{offer.path}: {why or 'for this gateway'}")
        if not why:
            return offer
    return None


def _withdraw(visit: Visit, trial: Trial) -> None:
    visit.found.append(f"{trial.taken.path}: withdrawn while on trial")
    if not visit.dry:
        with changing(visit.folder) as record:
            configuration.roll_back(visit.folder, record, trial, "it was withdrawn")


def _take(visit: Visit, offer: Offer) -> None:
    taken = Taken(offer.path, offer.sha256, offer.terms.version, visit.now_ms)
    part = visit.fetched(offer, taken, ABOUT)
    if part is None:
        return
    data = part.read_bytes()
    part.unlink()
    why = _problems(visit, data, Path(offer.path))
    if why:
        visit.refuse(ABOUT, taken, why)
        return
    with changing(visit.folder) as record:
        configuration.apply(visit.folder, record, taken, data)
    visit.found.append(f"{taken.path}: in force on trial")


def _problems(visit: Visit, data: bytes, file: Path) -> str:
    """What ``edge-gateway check`` would say of the user's file with these sections."""
    try:
        settings, doc = load_over(visit.settings, visit.doc, data, file)
    except BadFileError as error:
        return str(error)
    _, found = machine.packages(settings, doc)
    found += machine.problems(settings, doc)
    return "\n".join(map(str, found))
