"""A worker that breaks the protocol, one way per word; compare ``gateway.models.worker``.

Run as ``python rogue_worker.py WAY FD PARENT MEMORY NICENESS SIGNED``.
"""

import math
import signal
import socket
import struct
import sys

from gateway.core.frames import HEAD, decode, encode, sizes


def question(link):
    head = link.recv(HEAD.size, socket.MSG_WAITALL)
    if not head:
        sys.exit(0)
    return decode(head + link.recv(sum(sizes(head)), socket.MSG_WAITALL))


def scores(*numbers):
    return struct.pack(f"={len(numbers)}d", *numbers)


def one(seq, block, *, refused=None, width=1):
    groups = [{"outputs": [["score", width]], "refused": refused or {}}]
    return encode({"seq": seq, "groups": groups}, block)


WAYS = {
    "stale": lambda seq: one(seq - 1, scores(0.5, 0.5)),
    "nan": lambda seq: one(seq, scores(math.nan, math.nan)),
    "few": lambda seq: one(seq, scores(0.5)),
    "many": lambda seq: one(seq, scores(0.5, 0.5, 0.5)),
    "odd": lambda seq: one(seq, b"123"),
    "wide": lambda seq: one(seq, scores(0.5, 0.5), width="x"),
    "empty": lambda seq: encode({"seq": seq, "groups": []}),
    "shapeless": lambda seq: encode({"seq": seq, "groups": [{"outputs": [], "refused": 3}]}),
    "headless": lambda seq: encode({"seq": seq}),
    "twice": lambda seq: one(seq, scores(0.5, 0.5)) * 2,
    "noise": lambda seq: b"Segmentation fault (core dumped)\n",
    "text": lambda seq: HEAD.pack(b"egw1", 4, 0) + b"{,,}",
    "huge": lambda seq: HEAD.pack(b"egw1", 2**31, 0),
    "half": lambda seq: one(seq, scores(0.5, 0.5))[:-5],
}


def main(way, descriptor):
    link = socket.socket(fileno=int(descriptor))
    if way == "mute":
        signal.pause()
    if way == "gone":
        sys.exit(7)
    if way == "chatty":
        sys.stderr.write("a line of words\n" * 50_000)
        sys.stderr.flush()
    link.sendall(encode({"seq": 0, "runtime": way}))
    while frame := question(link):
        link.sendall(WAYS.get(way, WAYS["few"])(frame.header["seq"]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
