"""Graphs that a package may not hold, and packages that were damaged on purpose."""

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from onnx import TensorProto, helper

from gateway.models.archive import pack
from gateway.models.files import MODEL
from gateway.models.seal import entry
from tests.models import make
from tests.models.make import node, tensor


def external(location):
    made = make.linear().model
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", location
    return made


def body(*nodes, inputs=(), outputs=()):
    return helper.make_graph(
        list(nodes),
        "body",
        [helper.make_tensor_value_info(*entry) for entry in inputs],
        [helper.make_tensor_value_info(*entry) for entry in outputs],
    )


def endless_loop():
    inside = body(
        node("Identity", "go", "on"),
        inputs=[("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, [])],
        outputs=[("on", TensorProto.BOOL, [])],
    )
    return with_nodes(node("Loop", " go", "", body=inside), [tensor("go", True, bool)])


def nested_if(depth=20):
    leaf = body(node("Identity", "go", "leaf"), outputs=[("leaf", TensorProto.BOOL, [])])
    branch = leaf
    for level in range(depth):
        step = node("If", "go", f"x{level}", then_branch=branch, else_branch=leaf)
        branch = body(step, outputs=[(f"x{level}", TensorProto.BOOL, [])])
    last = node("If", "go", "x", then_branch=branch, else_branch=leaf)
    return with_nodes(last, [tensor("go", True, bool)])


def with_nodes(extra, initialisers=(), **graph):
    nodes, more = make.flat_tail("window", make.ROWS * make.CHANNELS)
    return make.model([extra, *nodes], [*more, *initialisers], **graph)


def with_function():
    made = make.linear().model
    made.functions.append(
        helper.make_function(
            "mine", "f", ["x"], ["y"], [node("Identity", "x", "y")], [helper.make_opsetid("", 18)]
        )
    )
    return made


def with_sparse():
    made = make.linear().model
    values, places = tensor("s", [1.0]), tensor("i", [0], "int64")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4]))
    return made


def bare(**graph):
    nodes, initialisers = make.flat_tail("window", make.ROWS * make.CHANNELS)
    return make.model(nodes, initialisers, **graph)


def renamed(**names):
    made = bare()
    made.graph.input[0].name = names.get("input", "window")
    made.graph.output[0].name = names.get("output", "score")
    return made


def liar():
    made = make.linear().model
    made.graph.initializer[0].dims[:] = [2**40, 2**40]
    return made


class Case(NamedTuple):
    """One damaged or hostile package, written where it was asked for."""

    kind: str
    path: Path


Files = dict[str, bytes]
Damage = Callable[[Files, random.Random], Files]


def truncated(files: Files, chance: random.Random) -> Files:
    """One file is cut."""
    name = chance.choice(sorted(files))
    return files | {name: files[name][: chance.randrange(len(files[name]))]}


def flipped(files: Files, chance: random.Random) -> Files:
    """A few bits of one file are other ones."""
    name = chance.choice(sorted(files))
    content = bytearray(files[name])
    for _ in range(chance.choice([1, 1, 2, 8])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return files | {name: bytes(content)}


def resealed(files: Files, model: bytes) -> Files:
    """Another model, with its hash: what somebody who can write the manifest would do."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"][MODEL] = entry(model)
    return files | {MODEL: model, "manifest.json": json.dumps(manifest).encode()}


def forged(files: Files, chance: random.Random) -> Files:
    """Bits of the model are other ones, and the hash says that this is right."""
    return resealed(files, flipped({MODEL: files[MODEL]}, chance)[MODEL])


def graph(make_it: Callable[[], object]) -> Damage:
    """The whole model is a hostile one."""

    def damage(files: Files, chance: random.Random) -> Files:
        del chance
        made = make_it()
        return resealed(files, made if isinstance(made, bytes) else made.SerializeToString())

    return damage


DAMAGES: dict[str, Damage] = {
    "truncated": truncated,
    "flipped": flipped,
    "forged": forged,
    "external_data": graph(lambda: external("/etc/passwd")),
    "endless_loop": graph(endless_loop),
    "nested_if": graph(nested_if),
    "huge_initialiser": graph(liar),
    "huge_allocation": graph(lambda: make.glutton().model),
}


def surprise(info: tarfile.TarInfo, content: bytes = b"") -> Callable[[bytes], bytes]:
    """A member more at the end of a tar."""

    def add(whole: bytes) -> bytes:
        buffer = io.BytesIO(whole)
        with tarfile.open(fileobj=buffer, mode="a", format=tarfile.GNU_FORMAT) as tar:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    return add


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """A member's header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


TARS: dict[str, Callable[[bytes], bytes]] = {
    "tar_traversal": surprise(named("../../../../tmp/escaped"), b"x"),
    "tar_absolute": surprise(named("/tmp/escaped"), b"x"),
    "tar_symlink": surprise(named("weights.bin", tarfile.SYMTYPE, "/etc/passwd")),
    "tar_hardlink": surprise(named("weights.bin", tarfile.LNKTYPE, "/etc/passwd")),
    "tar_device": surprise(named("null", tarfile.CHRTYPE)),
    "tar_sparse": surprise(named("model.bin", tarfile.GNUTYPE_SPARSE), b"x"),
    "tar_twice": surprise(named("manifest.json"), b"{}"),
    "tar_gzip": lambda whole: gzip.compress(whole + bytes(50_000_000), 1)[:200_000],
}


def cases(good: Path, folder: Path, count: int, seed: int) -> Iterator[Case]:
    """Write ``count`` damaged packages, one after the other, and yield where each lies."""
    chance = random.Random(seed)
    files = {file.name: file.read_bytes() for file in good.iterdir()}
    pack(files, folder / "good.tar")
    whole = (folder / "good.tar").read_bytes()
    kinds = [*("truncated", "flipped", "forged") * 6, *DAMAGES, *TARS, "tar_cut", "tar_flipped"]
    for number in range(count):
        kind = chance.choice(kinds)
        path = folder / f"{number}"
        if kind in DAMAGES and chance.random() < 0.7:
            path.mkdir()
            for name, content in DAMAGES[kind](files, chance).items():
                (path / name).write_bytes(content)
        elif kind in DAMAGES:
            path = path.with_suffix(".tar")
            pack(DAMAGES[kind](files, chance), path)
        else:
            path = path.with_suffix(".tar")
            path.write_bytes(_tar(kind, whole, chance))
        yield Case(kind, path)


def _tar(kind: str, whole: bytes, chance: random.Random) -> bytes:
    if kind == "tar_cut":
        return whole[: chance.randrange(len(whole))]
    if kind == "tar_flipped":
        return flipped({"": whole}, chance)[""]
    return TARS[kind](whole)
