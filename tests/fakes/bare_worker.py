"""The real worker, on a machine without onnxruntime.

Run as ``python bare_worker.py FD PARENT MEMORY NICENESS SIGNED``.
"""

import sys
from pathlib import Path

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


class Nowhere:
    """Finds no onnxruntime, whatever is installed."""

    def find_spec(self, name: str, *_: object) -> None:
        """As if it were not there."""
        if name.partition(".")[0] == "onnxruntime":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, Nowhere())  # type: ignore[arg-type]  # all that the import asks of it
    from gateway.models import worker

    sys.exit(worker.main(sys.argv[1:]))
