"""What a disk may hold after a power cut, from a recording of every write.

The rules: what was written before a sync of the same file is there; of what came after, any subset
is there, each write whole or torn at 512-byte sectors. Names (create, unlink, rename) reach the
disk in order, and no later than the next sync of any file in the folder, as on ext4, XFS and btrfs.
"""

import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEAD = struct.Struct("<cIqI")
SECTOR = 512


class Op(NamedTuple):
    """One change, as it was recorded."""

    op: str
    path: str
    offset: int
    data: bytes


def read_log(path: Path) -> list[Op]:
    """Every change, in order."""
    raw, at, found = path.read_bytes(), 0, []
    while at < len(raw):
        op, path_length, offset, length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name = raw[at : at + path_length].decode()
        at += path_length
        found.append(Op(op.decode(), name, offset, raw[at : at + length]))
        at += length
    return found


def acknowledged(ops: Iterable[Op]) -> set[int]:
    """The keys that the process said were stored."""
    return {int(key) for one in ops if one.op == "A" for key in one.data.split()}


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def sync(self) -> None:
        for one in self.pending:
            _apply(self.durable, one)
        self.pending.clear()

    def after_cut(self, dice: random.Random, share: float) -> bytes:
        left = bytearray(self.durable)
        for one in self.pending:
            if dice.random() < share:
                _apply(left, one)
            elif one.op == "W" and dice.random() < 0.5:
                _apply_torn(left, one, dice)
        return bytes(left)


@dataclass
class Disk:
    """The files of one folder: what is durable, and what is only on its way."""

    files: dict[str, _File] = field(default_factory=dict)
    names: dict[str, _File] = field(default_factory=dict)
    """Names as they are on the disk."""
    renames: list[tuple[str, str, str]] = field(default_factory=list)
    """Changes of names on their way: (op, name, new name)."""

    def do(self, one: Op) -> None:
        """Take one change."""
        if one.op == "S":
            self._flush_names(len(self.renames))
            if one.path in self.files:
                self.files[one.path].sync()
        elif one.op in "WT":
            self._file(one.path).pending.append(one)
        elif one.op in "CUR":
            self._file(one.path)
            new = one.data.decode()
            self.renames.append((one.op, one.path, new))
            if one.op == "U":
                self._lost[one.path] = self.files.pop(one.path)
            elif one.op == "R":
                self.files[new] = self.files.pop(one.path)

    _lost: dict[str, _File] = field(default_factory=dict)

    def _file(self, path: str) -> _File:
        if path not in self.files:
            self.files[path] = _File()
            self.renames.append(("C", path, ""))
        return self.files[path]

    def _flush_names(self, n: int) -> None:
        for op, path, new in self.renames[:n]:
            _rename(self.names, self.files | self._lost_only(), op, path, new)
        del self.renames[:n]

    def _lost_only(self) -> dict[str, _File]:
        return {name: file for name, file in self._lost.items() if name not in self.files}

    def cut(self, dice: random.Random) -> dict[str, bytes]:
        """One legal content of the folder if the power goes now: name -> bytes."""
        names = dict(self.names)
        for op, path, new in self.renames[: dice.randint(0, len(self.renames))]:
            _rename(names, self.files | self._lost_only(), op, path, new)
        share = dice.choice((0.0, 0.5, 0.9, 1.0))
        return {name: file.after_cut(dice, share) for name, file in names.items()}


def _rename(names: dict[str, _File], files: dict[str, _File], op: str, path: str, new: str) -> None:
    if op == "C":
        names.setdefault(path, files.get(path) or _File())
    elif op == "U":
        names.pop(path, None)
    elif path in names:
        names[new] = names.pop(path)


def _apply(content: bytearray, one: Op) -> None:
    if one.op == "T":
        content.extend(bytes(max(one.offset - len(content), 0)))
        del content[one.offset :]
        return
    content.extend(bytes(max(one.offset - len(content), 0)))
    content[one.offset : one.offset + len(one.data)] = one.data


def _apply_torn(content: bytearray, one: Op, dice: random.Random) -> None:
    for at in range(0, len(one.data), SECTOR):
        if dice.random() < 0.5:
            part = one.data[at : at + SECTOR]
            _apply(content, Op("W", one.path, one.offset + at, part))


def images(
    ops: Sequence[Op], n: int, dice: random.Random
) -> Iterable[tuple[set[int], dict[str, bytes]]]:
    """``n`` pairs of what was acknowledged by a moment and what the disk may hold then."""
    first = next((at for at, one in enumerate(ops) if one.op == "A"), 0)
    moments = sorted(dice.randrange(first, len(ops) + 1) for _ in range(n))
    disk, promised, at = Disk(), set[int](), 0
    for moment in moments:
        for one in ops[at:moment]:
            disk.do(one)
            promised |= acknowledged([one])
        at = moment
        yield promised, disk.cut(dice)
