"""The real daemon, but an asset that is called Bomb ends it while its parts are made.

Run as ``python crashing_site.py run --config FILE``.
"""

import os
import signal
from typing import Any

from gateway.daemon import reload, wiring
from gateway.daemon.site import build


def crash(settings: Any, *rest: Any) -> Any:
    if any(asset.name == "Bomb" for asset in settings.assets.values()):
        os.kill(os.getpid(), signal.SIGSEGV)
    return build(settings, *rest)


if __name__ == "__main__":
    wiring.build = reload.build = crash  # type: ignore[attr-defined]
    from gateway.cli.main import main

    main()
