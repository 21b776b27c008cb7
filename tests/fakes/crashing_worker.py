"""The real worker, but a package of version 6.6.6 ends it by a real SIGSEGV while it is loaded.

Run as ``python crashing_worker.py FD PARENT MEMORY NICENESS SIGNED``.
"""

import os
import signal
import sys
from pathlib import Path

from gateway.models import session, worker

VERSION = "6.6.6"
PROGRAM = f"""
import dataclasses, sys
from gateway.daemon import opening
settings = opening.worker_settings
opening.worker_settings = lambda given: dataclasses.replace(
    settings(given), command=(sys.executable, "-P", {str(Path(__file__))!r})
)
from gateway.cli.main import main
main()
"""
"""A daemon whose worker is this one."""
open_session = session.open_session


def crash(package, *rest):
    if package.manifest.version == VERSION:
        os.kill(os.getpid(), signal.SIGSEGV)
    return open_session(package, *rest)


if __name__ == "__main__":
    session.open_session = crash
    sys.exit(worker.main(sys.argv[1:]))
