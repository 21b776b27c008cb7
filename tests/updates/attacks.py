"""Attacks on a repository, each with what the gateway must say, and with its control.

Each begins with version 1.1.0 delivered and 1.2.0 offered. With the fault, a visit must end with
the reason and change nothing; without it, the same gateway must then be given 1.2.0. So what kept
it from 1.2.0 was the fault, and the fault did no harm.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile
from tuf.api.serialization.json import JSONSerializer

from gateway.core.updates import Terms
from gateway.updates import offers
from tests.fakes import https
from tests.models import heat
from tests.updates.plant import Plant

COMPACT = JSONSerializer(compact=True)


class Outcome(NamedTuple):
    """How one ended."""

    name: str
    said: str
    """Why the visit was in vain, or what was refused."""
    unchanged: bool
    """What is installed is what it was."""
    control: bool
    """Without the fault the update was taken."""


Attack = Callable[[Plant, str], Any]
"""Puts the fault in; a context manager that takes it out again. It is given the sha256 of 1.2.0."""
ATTACKS: dict[str, tuple[str, Attack]] = {}
"""Name -> what must be said, the attack."""


def attack(says: str) -> Callable[[Attack], Attack]:
    """List an attack."""

    def listed(call: Attack) -> Attack:
        ATTACKS[call.__name__] = (says, contextmanager(call))
        return call

    return listed


def run(name: str, folder: Path) -> Outcome:
    """One attack, and its control."""
    says, call = ATTACKS[name]
    with Plant(folder) as plant:
        plant.offer("1.1.0")
        first = plant.visit()
        assert plant.delivered() == "1.1.0", first
        plant.old = {file.name: file.read_bytes() for file in plant.metadata("").glob("*.json")}  # type: ignore[attr-defined]
        sha256 = plant.offer("1.2.0", 92.0)
        before = plant.installed()
        with call(plant, sha256):
            said = plant.visit()
            unchanged = plant.installed() == before and plant.delivered() == "1.1.0"
        text = " | ".join([said["why"], *said["found"]])
        assert re.search(says, text), f"{name}: {text}"
        again = plant.visit()
        control = plant.delivered() == "1.2.0"
        assert control or not unchanged, f"{name}: {again}"
    return Outcome(name.replace("_", " "), said["why"] or said["found"][-1], unchanged, control)


@contextmanager
def changed(file: Path, data: bytes) -> Iterator[None]:
    """Another content for a while."""
    kept = file.read_bytes()
    file.write_bytes(data)
    try:
        yield
    finally:
        file.write_bytes(kept)


@contextmanager
def faulty(plant: Plant, end: str, fault: https.Fault) -> Iterator[None]:
    """The server misbehaves for what ends so."""
    plant.server.faults[end] = fault
    try:
        yield
    finally:
        plant.server.faults.clear()


def signed(plant: Plant, name: str, signer: CryptoSigner, change: Callable[[Any], None]) -> bytes:
    """A file of the metadata, changed, and signed by somebody."""
    found: Metadata[Any] = Metadata.from_file(str(plant.metadata(name)))
    change(found.signed)
    found.sign(signer)
    return found.to_bytes(COMPACT)


def key_of(plant: Plant, role: str) -> CryptoSigner:
    """The author's own key: an attacker may have stolen it."""
    keyring = plant.author().keys
    return keyring.of([keyring.named(role)])[0]


def newest(plant: Plant, role: str) -> str:
    """File name of the newest version of a role."""
    return f"{plant.author().version(role)}.{role}.json"


def bump(signed: Any) -> None:
    """The next version."""
    signed.version += 1


# -- the files -----------------------------------------------------------------------------------


@attack("not what its list says")
def tampered_package(plant: Plant, sha256: str) -> Iterator[None]:
    file = plant.target(sha256)
    data = file.read_bytes()
    with changed(file, data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]):
        yield


@attack("more bytes than its list says")
def endless_package(plant: Plant, sha256: str) -> Iterator[None]:
    with faulty(plant, f"{sha256}.{plant.target(sha256).name.split('.', 1)[1]}", https.endless):
        yield


@attack("too slow: .* bytes in")
def package_drop_by_drop(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, ".tar", https.dripping):
        yield


@attack("cut off after|bytes came")
def server_gone_in_the_middle(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, ".tar", https.cut):
        yield


@attack(r"bytes came|cut off")
def package_shorter_than_its_list_says(plant: Plant, sha256: str) -> Iterator[None]:
    file = plant.target(sha256)
    with changed(file, file.read_bytes()[:4096]):
        yield


@attack("not there: status 404")
def package_missing(plant: Plant, sha256: str) -> Iterator[None]:
    file = plant.target(sha256)
    away = file.with_name("away")
    file.rename(away)
    yield
    away.rename(file)


# -- the lists -----------------------------------------------------------------------------------


@attack("older than what was seen")
def timestamp_of_yesterday(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    plant.visit(dry=True)  # it has seen the new one
    with faulty(plant, "timestamp.json", https.saying(plant.old["timestamp.json"])):  # type: ignore[attr-defined]
        yield


@attack("older than what was seen")
def snapshot_of_yesterday_under_a_stolen_timestamp_key(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    plant.visit(dry=True)

    def older(timestamp: Any) -> None:
        timestamp.version += 1
        timestamp.snapshot_meta.version -= 1

    data = signed(plant, "timestamp.json", key_of(plant, "timestamp"), older)
    with faulty(plant, "timestamp.json", https.saying(data)):
        yield


@attack("expired")
def frozen(plant: Plant, sha256: str) -> Iterator[None]:
    """What was true last month, again and again."""
    del sha256
    author = plant.author(days_ago=40)
    kept = plant.metadata("timestamp.json").read_bytes()
    author.do_timestamp(force=True)
    yield
    plant.metadata("timestamp.json").write_bytes(kept)
    plant.author().do_timestamp(force=True)
    plant.author().do_timestamp(force=True)


@attack("not what its list says|of another version")
def mix_and_match(plant: Plant, sha256: str) -> Iterator[None]:
    """The list of a model from another day, under today's name."""
    del sha256
    name = newest(plant, "model-heat")
    before = f"{int(name.split('.')[0]) - 1}.model-heat.json"
    with changed(plant.metadata(name), plant.metadata(before).read_bytes()):
        yield


@attack("wrongly signed")
def timestamp_signed_by_an_unknown_key(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    data = signed(plant, "timestamp.json", CryptoSigner.generate_ed25519(), bump)
    with faulty(plant, "timestamp.json", https.saying(data)):
        yield


@attack("wrongly signed")
def timestamp_changed_after_it_was_signed(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    tree = json.loads(plant.metadata("timestamp.json").read_text())
    tree["signed"]["version"] += 1
    with faulty(plant, "timestamp.json", https.saying(json.dumps(tree).encode())):
        yield


@attack("wrongly signed")
def list_of_the_model_by_the_key_of_another_role(plant: Plant, sha256: str) -> Iterator[None]:
    """Everything else is right: snapshot and timestamp are the author's own."""
    del sha256
    name = newest(plant, "model-heat")
    forged = signed(plant, name, key_of(plant, "snapshot"), bump)
    number = int(name.split(".")[0]) + 1
    file = plant.metadata(f"{number}.model-heat.json")
    file.write_bytes(forged)
    plant.author().publish()
    yield
    with plant.author().edit_targets("model-heat"):
        pass
    plant.author().publish()


@attack("wrongly signed")
def root_signed_by_one_of_two(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    evil = CryptoSigner.generate_ed25519()

    def taken_over(root: Any) -> None:
        root.version += 1
        root.add_key(evil.public_key, "timestamp")

    data = signed(plant, "1.root.json", key_of(plant, "root-1"), taken_over)
    plant.metadata("2.root.json").write_bytes(data)
    yield
    plant.metadata("2.root.json").unlink()


@attack("not valid")
def timestamp_that_is_no_json(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, "timestamp.json", https.saying(b"<html>It works!</html>")):
        yield


@attack("larger than it may be")
def endless_timestamp(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, "timestamp.json", https.endless):
        yield


@attack("larger than it may be")
def huge_list(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, newest(plant, "model-heat"), https.endless):
        yield


@attack("too slow")
def list_drop_by_drop(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, "timestamp.json", https.dripping):
        yield


# -- the server ----------------------------------------------------------------------------------


@attack("too slow: no answer|Remote end closed|closed connection")
def server_says_nothing(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, "timestamp.json", https.silent):
        yield


@attack("the repository: ")
def server_hangs_up(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    plant.server.gone = True
    yield
    plant.server.gone = False


@attack("certificate")
def server_with_a_certificate_of_another_authority(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    from tests.fakes.authority import Authority

    other = Authority(plant.folder / "other", "another")
    with changed(plant.gateway / "ca.pem", other.certificate.read_bytes()):
        yield


@attack("moved to http://")
def server_sends_elsewhere(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    with faulty(plant, "timestamp.json", https.elsewhere):
        yield


# -- signed by the author, and still not for this gateway ----------------------------------------


def _instead(plant: Plant, data: bytes) -> None:
    """The author signs these bytes as a package of the model."""
    author = plant.author()
    path = "models/heat/9.9.9-garbage.tar"
    target = TargetFile.from_data(path, data, ["sha256"])
    target.unrecognized_fields["custom"] = Terms(serial=99).to_custom()
    file = plant.pub / "targets/models/heat" / f"{target.hashes['sha256']}.9.9.9-garbage.tar"
    file.write_bytes(data)
    with author.edit_targets("model-heat") as targets:
        targets.targets[path] = target
    author.publish()


@attack("for this gateway")
def package_that_is_called_like_a_file_of_ours(plant: Plant, sha256: str) -> Iterator[None]:
    """Names that are no names are not even looked at: what is left is 1.1.0."""
    offers.change(plant.author(), "1.2.0", lambda terms: replace(terms, percent=0))
    data = plant.target(sha256).read_bytes()
    author = plant.author()
    with author.edit_targets("model-heat") as targets:
        for name in ("current", "..", ".tar", "a b.tar", "x.tar?y", "%2e%2e.tar"):
            path = f"models/heat/{name}"
            target = TargetFile.from_data(path, data, ["sha256"])
            target.unrecognized_fields["custom"] = Terms(serial=99).to_custom()
            targets.targets[path] = target
    author.publish()
    yield
    offers.change(plant.author(), "1.2.0", lambda terms: replace(terms, percent=100))


@attack("refused: .*a .tar")
def garbage_signed_as_a_package(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    _instead(plant, b"no package" * 500)
    yield


@attack("sha256")
def damaged_package_signed_as_it_is(plant: Plant, sha256: str) -> Iterator[None]:
    data = plant.target(sha256).read_bytes()
    at = data.rindex(b"model.onnx\0") + 600
    _instead(plant, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    yield


@attack("it is 'chill', and model heat is 'tiny'")
def package_of_another_model(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    plant.offer_package(heat.package(plant.folder / "chill", "9.9.9", id="chill"))
    yield


@attack("needs a metric 'vibration'")
def package_that_no_asset_can_feed(plant: Plant, sha256: str) -> Iterator[None]:
    del sha256
    channel = {"name": "vibration", "unit": "mm/s"}
    plant.offer_package(heat.package(plant.folder / "shaky", "9.9.9", channel=channel))
    yield


@attack("manifest.sig")
def package_without_the_house_s_signature(plant: Plant, sha256: str) -> Iterator[None]:
    """``models.heat.trust`` asks for one beside the repository's."""
    del sha256
    from gateway.models import signature

    keys = signature.generate()
    signature.write(keys, plant.gateway / "house.key", plant.gateway / "house.pub")
    text = plant.file.read_text()
    manifest = plant.gateway / "old" / "manifest.json"
    signed_by_us = signature.sign(manifest.read_bytes(), plant.gateway / "house.key")
    (plant.gateway / "old" / "manifest.sig").write_bytes(signed_by_us)
    plant.file.write_text(text.replace("package: old,", "package: old, trust: house.pub,"))
    yield
    plant.file.write_text(text)
    plant.offer_package(heat.package(plant.folder / "again", "1.2.0", 93.0))
