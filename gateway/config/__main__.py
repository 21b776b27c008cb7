"""Reads a file for a process that wants its settings only: ``python -m gateway.config FILE``.

With ``--fall-back`` the last good file stands in for one that is broken. With ``--before`` the
snapshot of the file before it comes on standard input: then it is said what has changed.

The gateway's start waits for it. So it neither looks for cycles, for it ends before they matter,
nor takes its modules down one by one at its end: together that was a third of its time.
"""

import gc
import os
import sys
from pathlib import Path


def main(words: list[str]) -> None:
    """Say it on standard output, and end the process."""
    from gateway.config import apart_child

    *options, name = words
    before = sys.stdin.buffer.read() if "--before" in options else b""
    said = apart_child.said(Path(name), before, fall_back="--fall-back" in options)
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    gc.disable()
    main(sys.argv[1:])
