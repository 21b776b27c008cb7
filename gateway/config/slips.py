"""Words that the rooms below do not know: they say so, and here stands what was probably meant.

What a rule, a bridge or a clock knows is named in its message, or is a short list below.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from zoneinfo import available_timezones

from gateway.config.problems import near

_TRUTH: Final = ("true", "false")


def _listed(found: re.Match[str]) -> Iterable[str]:
    return found[2].split(", ")


_KNOWN: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Iterable[str]]], ...]] = (
    (re.compile(r"no function '(\w+)'; there are (.+)"), _listed),
    (re.compile(r"'(\w+)' is no day; they are (.+)"), _listed),
    (re.compile(r"has \{(\w+)\}; known: (.+)"), lambda found: re.findall(r"\w+", found[2])),
    (re.compile(r"unexpected '([a-z]+)'"), lambda _: ("and", "or", "not")),
    (re.compile(r"'([^']+)': no such time zone"), lambda _: available_timezones()),
    (re.compile(r"no such time zone: '([^']+)'"), lambda _: available_timezones()),
    (re.compile(r"'([^']+)' is neither on nor off"), lambda _: ("ON", "OFF")),
    (re.compile(r"true or false, not '([^']+)'"), lambda _: _TRUTH),
    (re.compile(r"should be true, false, or a mapping.*, not '([^']+)'"), lambda _: _TRUTH),
)
_COUNT: Final = re.compile(r"not a count: '([0-9]+) +[a-z]{1,4} +([0-9]+)'")
_ADDRESS: Final = re.compile(r"'([A-Za-z+]{2,7})(://[^']*)'(.*)")
_SCHEME: Final = re.compile(r"([a-z]+)://")


def hint(message: str) -> str:
    """``did you mean 'x'?`` for a message that names a word which is nearly a known one."""
    for pattern, known in _KNOWN:
        found = pattern.search(message)
        if found is not None:
            return near(found[1], known(found))
    count = _COUNT.search(message)
    if count is not None:
        return f"did you mean '{count[1]} of {count[2]}'?"
    address = _ADDRESS.search(message)
    meant = [] if address is None else [
        one for one in _SCHEME.findall(address[3]) if near(address[1], [one])
    ]  # fmt: skip
    return f"did you mean '{meant[0]}{address[2]}'?" if address and meant else ""
