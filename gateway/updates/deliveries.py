"""Models of a visit: the newest version that this gateway may have is delivered as a candidate."""

from pathlib import Path

from gateway.config import delivery
from gateway.config.check_models import misfits
from gateway.config.findings import Findings
from gateway.config.settings import ModelSettings
from gateway.config.validate import validate
from gateway.core.updates import Offer, held, newest
from gateway.errors import PackageError
from gateway.models.manifest import load_manifest
from gateway.models.package import Package, verify
from gateway.models.signature import public_key
from gateway.updates import files
from gateway.updates.record import Record, Taken, changing
from gateway.updates.visit import Visit


def look(visit: Visit, name: str, model: ModelSettings) -> None:
    """Take what is new of a model, and drop what is withdrawn.

    Raises:
        UpdateError: it did not come, or is not to be believed.
    """
    offers = visit.catalogue.offers(name)
    record = Record.load(visit.folder)
    now, best = record.models.get(name), newest(offers, visit.here, record.out)
    for offer in offers:
        why = record.out.get(offer.sha256) or held(offer, visit.here)
        visit.found.append(f"{offer.path}: {why or 'for this gateway'}")
    if now is not None and best is not None and best.sha256 == now.sha256:
        return
    offered = {one.sha256 for one in offers if not one.terms.halted}
    if now is not None and now.sha256 not in offered:
        _withdraw(visit, name, now)
    if best is not None:
        _take(visit, name, model, best)


def _withdraw(visit: Visit, name: str, now: Taken) -> None:
    """Nobody offers it any more: if it is on trial, it is dropped; if it judges, it goes on."""
    visit.found.append(f"{now.path}: withdrawn")
    if visit.dry:
        return
    with changing(visit.folder) as record:
        files.remove(delivery.models(visit.folder, name) / delivery.CURRENT)
        del record.models[name]
        record.took("update_withdrawn", _about(name), now)


def _take(visit: Visit, name: str, model: ModelSettings, offer: Offer) -> None:
    taken = Taken(offer.path, offer.sha256, offer.terms.version, visit.now_ms)
    part = visit.fetched(offer, taken, _about(name))
    if part is None:
        return
    packed = part.with_suffix(".tar")
    part.rename(packed)
    try:
        package = _checked(visit, name, model, packed)
    except PackageError as error:
        packed.unlink()
        visit.refuse(_about(name), taken, str(error))
        return
    _deliver(visit, name, packed, taken._replace(version=package.manifest.version))


def _checked(visit: Visit, name: str, model: ModelSettings, packed: Path) -> Package:
    """Everything that can be known without running it.

    Raises:
        PackageError: it is not whole, not signed, another model, or the assets cannot feed it.
    """
    package = verify(packed, public_key(model.trust) if model.trust else "")
    wanted = load_manifest(model.package).id
    if package.manifest.id != wanted:
        raise PackageError(f"it is {package.manifest.id!r}, and model {name} is {wanted!r}")
    root, _ = validate(visit.doc)
    wrong = misfits(Findings(root, visit.doc), name, package.manifest) if root else []
    if wrong:
        raise PackageError("; ".join(one.message for one in wrong[:10]))
    return package


def _deliver(visit: Visit, name: str, packed: Path, taken: Taken) -> None:
    """From here on it is the candidate; the one before stays until the next is delivered."""
    folder = delivery.models(visit.folder, name)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    place, before = folder / Path(taken.path).name, delivery.package(visit.folder, name)
    with changing(visit.folder) as record:
        packed.replace(place)
        files.link(folder / delivery.CURRENT, place.name)
        record.models[name] = taken
        record.took("update_delivered", _about(name), taken)
    for other in folder.glob("*.tar"):
        if other not in (place, before):
            other.unlink()
    visit.found.append(f"{taken.path}: delivered")


def _about(name: str) -> str:
    return f"model {name}"
