"""The author's offers: packages and configurations put into a repository, with their terms."""

import hashlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp

from gateway.core.updates import Offer, Terms
from gateway.errors import ConfigError
from gateway.models import archive
from gateway.models.package import verify
from gateway.updates import files
from gateway.updates.author import Author

CONFIG_ROLE: Final = "config"
ROTATED: Final = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._+-]")


class Listed(NamedTuple):
    """An offer, and the role that signs it."""

    role: str
    offer: Offer


def found(author: Author) -> dict[str, Listed]:
    """Everything that is offered, by path."""
    listed: dict[str, Listed] = {}
    for role in ("targets", *author.delegated()):
        for path, target in author.targets(role).targets.items():
            terms = Terms.from_custom(target.custom)
            offer = Offer(path, target.hashes["sha256"], target.length, terms)
            listed[path] = Listed(role, offer)
    return listed


def one(author: Author, words: str) -> Listed:
    """The offer whose path has these words in it.

    Raises:
        ConfigError: there is none, or more than one.
    """
    able = [listed for path, listed in found(author).items() if words in path]
    exact = [listed for listed in able if listed.offer.path == words]
    if len(exact or able) != 1:
        paths = ", ".join(sorted(listed.offer.path for listed in able)) or "none"
        raise ConfigError(f"{words!r} should mean one target; it means {paths}")
    return (exact or able)[0]


def add_model(author: Author, package: Path, name: str, terms: Terms) -> Offer:
    """Offer a package as a new version of the model that files call ``name``.

    Raises:
        PackageError: it is not whole.
        ConfigError: a key is missing.
    """
    known = verify(package)
    data = _whole(package)
    version = _UNFIT.sub("_", known.manifest.version)
    path = f"models/{name}/{version}-{hashlib.sha256(data).hexdigest()[:12]}.tar"
    author.delegate(f"model-{name}", f"models/{name}/*")
    return _add(author, f"model-{name}", path, data, replace(terms, version=version))


def _whole(package: Path) -> bytes:
    """A package as one ``.tar``; the same files give the same bytes."""
    box = archive.opened(package)
    with tempfile.TemporaryDirectory() as scratch:
        packed = Path(scratch) / "package.tar"
        archive.pack({name: box.read(name) for name in box.names()}, packed)
        return packed.read_bytes()


def add_config(author: Author, file: Path, place: str, terms: Terms) -> Offer:
    """Offer a configuration; ``place`` is ``gateway/<id>`` or ``ring/<name>``.

    Raises:
        ConfigError: it cannot be read, or a key is missing.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    author.delegate(CONFIG_ROLE, f"{CONFIG_ROLE}/*/*")
    path = f"{CONFIG_ROLE}/{place}.yaml"
    return _add(author, CONFIG_ROLE, path, data, terms)


def _add(author: Author, role: str, path: str, data: bytes, terms: Terms) -> Offer:
    target = TargetFile.from_data(path, data, ["sha256"])
    offer = Offer(path, target.hashes["sha256"], len(data), terms)
    files.put(_file(author, offer), data, 0o644)
    with author.edit_targets(role) as targets:
        serials = [Terms.from_custom(known.custom).serial for known in targets.targets.values()]
        offer = offer._replace(terms=replace(terms, serial=max(serials, default=0) + 1))
        target.unrecognized_fields["custom"] = offer.terms.to_custom()
        before = targets.targets.get(path)
        targets.targets[path] = target
    author.publish()
    if before is not None and before.hashes["sha256"] != offer.sha256:
        gone = offer._replace(sha256=before.hashes["sha256"])
        _file(author, gone).unlink(missing_ok=True)
    return offer


def _file(author: Author, offer: Offer) -> Path:
    """Where a target lies: its hash is part of its name."""
    path = author.folder / "targets" / offer.path
    return path.with_name(f"{offer.sha256}.{path.name}")


def change(author: Author, words: str, terms: Callable[[Terms], Terms]) -> Offer:
    """Give an offer other terms.

    Raises:
        ConfigError: there is no such offer, or a key is missing.
    """
    role, offer = one(author, words)
    with author.edit_targets(role) as targets:
        offer = offer._replace(terms=terms(offer.terms))
        targets.targets[offer.path].unrecognized_fields["custom"] = offer.terms.to_custom()
    author.publish()
    return offer


def remove(author: Author, words: str) -> Offer:
    """Offer it no longer, and delete its file.

    Raises:
        ConfigError: there is no such offer, or a key is missing.
    """
    role, offer = one(author, words)
    with author.edit_targets(role) as targets:
        del targets.targets[offer.path]
    author.publish()
    _file(author, offer).unlink(missing_ok=True)
    return offer


def begin(author: Author, threshold: int, roots: int) -> None:
    """Make the keys and the first version of everything.

    Raises:
        ConfigError: there is a repository already.
    """
    if author.version(Root.type):
        raise ConfigError(f"{author.folder}: there is a repository already")
    if not 1 <= threshold <= roots:
        raise ConfigError(f"a threshold of {threshold} with {roots} keys")
    keys = {role: author.keys.make(role).public_key for role in ROTATED[1:]}
    with author.edit_root() as root:
        for number in range(1, roots + 1):
            root.add_key(author.keys.make(f"root-{number}").public_key, Root.type)
        root.roles[Root.type].threshold = threshold
        for role, key in keys.items():
            root.add_key(key, role)
    with author.edit_targets():
        pass
    author.publish()


def rotate(author: Author, name: str) -> str:
    """Exchange a key: ``root-2``, ``targets``, ``snapshot``, ``timestamp``, or of a role.

    Returns the id of the new one. The root is signed by enough keys of before and of now, so that
    every gateway follows, whichever root it was shipped with.

    Raises:
        ConfigError: there is no such key, or too few others are here.
    """
    role = Root.type if name.startswith("root") else name
    top = role in ROTATED
    if not top and role not in author.delegated():
        raise ConfigError(f"{name!r} is no role: there are {', '.join(author.delegated())}")
    old = author.keys.named(name)
    new = author.keys.make(f"{name}-new").public_key
    try:
        with author.edit_root() if top else author.edit_targets() as signed:
            signed.revoke_key(old, role)
            signed.add_key(new, role)
    except ConfigError:
        author.keys.drop(f"{name}-new")
        raise
    author.keys.replace(name, f"{name}-new")
    if role not in (Root.type, Snapshot.type, Timestamp.type):
        with author.edit_targets(role):
            pass
    author.do_snapshot(force=role == Snapshot.type)
    author.do_timestamp(force=role in (Snapshot.type, Timestamp.type))
    return new.keyid
