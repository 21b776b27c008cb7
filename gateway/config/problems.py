"""Problems of a file: where, what, and what was probably meant."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from gateway.core.counts import counted
from gateway.errors import ConfigError

MASK = "********"
"""Stands for what nobody is shown."""

MAX_SHOWN = 50
"""A file of another kind has one problem per line: the first ones tell."""
_WIDTH = 160
_SHORT = 3
"""Letters of a word that is too short to be compared by its share of common ones."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a file."""

    file: str
    line: int
    """From 1; 0 when the whole file is meant."""
    column: int
    """From 1."""
    message: str
    hint: str = ""
    """``did you mean 'power'?``"""
    source: str = ""
    """The line, as the user wrote it."""
    via: tuple[int, int] = (0, 0)
    """Line and column at which the first file includes this one; 0 when it is the first."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        said = f"{place}: {self.message}" + (f"; {self.hint}" if self.hint else "")
        if not self.source.strip():
            return said
        cut = self.source.replace("\t", " ")[:_WIDTH]
        return f"{said}\n    {cut}\n    {' ' * min(self.column - 1, _WIDTH)}^"


class BadFileError(ConfigError):
    """A file with problems; the text is the whole report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(_report(self.problems))

    def __reduce__(self) -> tuple[type["BadFileError"], tuple[tuple[Problem, ...]]]:
        """Between processes its problems travel, and the report is written anew."""
        return BadFileError, (self.problems,)


def _report(problems: Sequence[Problem]) -> str:
    count = len(problems)
    lines = [str(problem) for problem in problems[:MAX_SHOWN]]
    if count > MAX_SHOWN:
        lines.append(f"... and {count - MAX_SHOWN} more")
    return "\n".join([*lines, counted(count, "problem")])


def near(word: str, known: Iterable[str], rather: Collection[str] = ()) -> str:
    """Say ``did you mean 'x'?`` where a known word is near; ``rather``: of two as near, these."""
    words = sorted(set(known))
    lower = {candidate.lower(): candidate for candidate in words}
    typed = word.lower()[:80]
    close = get_close_matches(typed, lower, n=3)
    alike = [one for one in close if _ratio(typed, one) == _ratio(typed, close[0])]
    close = [one for one in alike if lower[one] in rather][:1] or close[:1]
    close = close or [one for one in lower if _one_off(typed, one)]
    return f"did you mean {lower[close[0]]!r}?" if len(close) == 1 else ""


def _ratio(typed: str, word: str) -> float:
    return SequenceMatcher(a=word, b=typed).ratio()


def _one_off(typed: str, word: str) -> bool:
    """Two words of two or three letters differ by one, or by the order of two."""
    if not max(len(typed), len(word)) <= _SHORT or not min(len(typed), len(word)):
        return False
    if len(typed) != len(word):
        longer, shorter = sorted((typed, word), key=len, reverse=True)
        return shorter in {longer[:at] + longer[at + 1 :] for at in range(len(longer))}
    off = [at for at in range(len(word)) if typed[at] != word[at]]
    return len(off) == 1 or sorted(typed) == sorted(word)


def choices(known: Iterable[str], limit: int = 12) -> str:
    """List known words for a message."""
    words = sorted(set(known))
    rest = f" and {len(words) - limit} more" if len(words) > limit else ""
    return (", ".join(words[:limit]) + rest) or "none"


def discreet(message: str, hint: str, text: str) -> tuple[str, str]:
    """A message and its hint without a text: whole, as far as messages quote it, or in pieces."""
    forms = sorted({text, text[:80], repr(text)[1:-1], repr(text[:80])[1:-1]} - {""}, key=len)
    for form in reversed(forms):
        message = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MASK, message)
    message = re.sub(
        r"'([^']+)'", lambda found: f"'{MASK}'" if found[1] in text else found[0], message
    )
    return message, "" if hint.startswith("did you mean") else hint
