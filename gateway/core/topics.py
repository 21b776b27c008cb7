"""Topic filters as MQTT 5.0 section 4.7 has them, and topic patterns with names.

A pattern is a topic with ``{name}`` for one level (or a part of one), ``{name+}`` for one or more
levels, and a trailing ``#`` for any rest: ``factory/{device}/plc``, ``zigbee2mqtt/{device+}/set``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


def matches(filter: str, topic: str) -> bool:  # noqa: A002 - the word of the specification
    """Tell whether a subscription filter takes a topic."""
    wanted, levels = filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in {"+", "#"}:
        return False  # MQTT 5.0, 4.7.2: wildcards do not reach into $SYS
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(levels) or level not in {"+", levels[at]}:
            return False
    return len(wanted) == len(levels)


def overlaps(one: str, other: str) -> bool:
    """Tell whether two subscription filters can take the same topic."""
    left, right = one.split("/"), other.split("/")
    if {left[0], right[0]} & {"+", "#"} and (left[0] + right[0]).find("$") >= 0:
        return False
    for a, b in zip(left, right, strict=False):
        if "#" in {a, b}:
            return True
        if a != b and "+" not in {a, b}:
            return False
    shorter, longer = sorted((left, right), key=len)
    rest = longer[len(shorter) :]
    return not rest or rest == ["#"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A topic with named levels."""

    text: str
    names: tuple[str, ...]
    filter: str
    """What to subscribe to: it takes every topic of this pattern, and maybe more."""
    _regex: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern.

        Raises:
            ValueError: what is wrong, and at which column (from 1).
        """
        if not text:
            raise ValueError("column 1: a topic pattern has at least one level")
        names: list[str] = []
        levels = text.split("/")
        column = 1
        words = []
        for at, level in enumerate(levels):
            words.append(_level(level, names, column, last=at == len(levels) - 1))
            column += len(level) + 1
        regex = "/".join(words).replace("/" + _REST, f"(?:/{_REST})?")
        return cls(text, tuple(names), _filter(levels), re.compile(regex, re.DOTALL))

    def match(self, topic: str) -> dict[str, str] | None:
        """Give the named levels of a topic, or None when the topic is another one."""
        match = self._regex.fullmatch(topic)
        return None if match is None else match.groupdict()

    def fill(self, names: Mapping[str, str]) -> str:
        """Write the topic with these names in it.

        Raises:
            KeyError: a name is not given.
        """
        return _NAMED.sub(lambda found: names[found[1]], self.text)

    def __str__(self) -> str:
        return self.text


_NAMED = re.compile(r"\{([a-z_][a-z0-9_]*)(\+?)\}")
_REST = ".*"


def _level(level: str, names: list[str], column: int, *, last: bool) -> str:
    """Write one level as a regular expression, and note its names."""
    if level == "#" and last:
        return _REST
    if level == "+":
        return "[^/]*"
    plain = _NAMED.sub("", level)
    wrong = re.search(r"[{}+#]", plain)
    if wrong is not None:
        raise ValueError(f"column {column}: expected a level, {{name}}, {{name+}}, + or a last #")
    for found in _NAMED.finditer(level):
        if found[1] in names:
            raise ValueError(f"column {column + found.start()}: {{{found[1]}}} is there twice")
        if found[2] and found[0] != level:
            raise ValueError(f"column {column + found.start()}: {found[0]} takes whole levels")
        names.append(found[1])
    parts = _NAMED.split(level)
    texts, keys, many = parts[0::3], parts[1::3], parts[2::3]
    words = [
        f"(?P<{key}>{'.+' if plus else '[^/]+'})" + re.escape(text)
        for key, plus, text in zip(keys, many, texts[1:], strict=True)
    ]
    return re.escape(texts[0]) + "".join(words)


def _filter(levels: list[str]) -> str:
    """MQTT has no wildcard for several levels in the middle: there the filter ends in ``#``."""
    wanted = []
    for level in levels:
        if level.endswith("+}"):
            wanted.append("#")
            break
        wanted.append("+" if "{" in level else level)
    return "/".join(wanted)
