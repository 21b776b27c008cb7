"""``python -m gateway.web``: the process of the page, started by the daemon."""

import sys
from typing import Final

from gateway.errors import GatewayError
from gateway.models.confine import stay_behind
from gateway.web.process import make_room, run
from gateway.web.spec import Spec

NICENESS: Final = 10
"""The daemon, the models and the clouds go first."""


def main() -> int:
    """Read the spec and serve."""
    try:
        with open(
            0, "rb", buffering=0, closefd=False
        ) as said:  # what follows is the loop's to read
            spec = Spec.read(said.readline())
        stay_behind(spec.parent, NICENESS)
        make_room(spec.clients)
        run(spec)
    except (ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"page: {error}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"page: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
