"""The real daemon with a planted mistake: a reading of 500 ends it.

Run as ``python failing_loop.py run --config FILE``.
"""

from typing import Any

from gateway.daemon import uplinks

_record = uplinks.Uplinks._record


def record(self: Any, one: Any) -> None:
    if one.report is not None and 500 in one.report.readings.values:
        print(1 / 0)
    _record(self, one)


if __name__ == "__main__":
    uplinks.Uplinks._record = record  # type: ignore[method-assign]
    from gateway.cli.main import main

    main()
