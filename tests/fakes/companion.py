"""A companion that says who it is and what it is told, and dies when it is told to.

Standard input: the spec, then lines. ``die`` ends it with exit code 1; with ``deaf`` as its spec it
hears no SIGTERM.
"""

import os
import signal
import sys
from typing import NamedTuple


class Spec(NamedTuple):
    """What it is told at its start."""

    word: str

    def line(self) -> bytes:
        return self.word.encode() + b"\n"


def main() -> None:
    spec = sys.stdin.readline().strip()
    if spec == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), spec, flush=True)
    for line in sys.stdin:
        if line == "die\n":
            print("adieu", flush=True)
            sys.exit("first words\nlast words")
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
