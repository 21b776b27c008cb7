"""``python -m gateway.sync``: the process of sync; the daemon starts it, the spec is on stdin."""

import sys
from typing import Final

from gateway.errors import ConfigError, GatewayError
from gateway.models.confine import stay_behind
from gateway.sync.process import run
from gateway.sync.spec import Spec

NICENESS: Final = 5
"""The daemon goes first, as before the models' process."""


def main() -> int:
    """Read the spec and run."""
    try:
        spec = Spec.read(sys.stdin.readline())
        stay_behind(spec.parent, NICENESS)
        run(spec)
    except (ConfigError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"sync: {error}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"sync: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
