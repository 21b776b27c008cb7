"""The real daemon with a planted mistake: a reading of 500 ends it.

Run as ``python failing_loop.py run --config FILE``.
"""

from typing import Any

from gateway.daemon import ingest

_observe = ingest.Ingest._observe


def observe(self: Any, report: Any) -> None:
    if any(reading.value == 500 for reading in report.readings):
        print(1 / 0)
    _observe(self, report)


if __name__ == "__main__":
    ingest.Ingest._observe = observe  # type: ignore[method-assign]
    from gateway.cli.main import main

    main()
