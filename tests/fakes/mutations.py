"""Configuration files with mistakes: the samples, spoilt as people and disks spoil them."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from gateway.config import advice, machine
from gateway.config.document import parse
from gateway.config.loader import load_text
from gateway.config.problems import BadFileError, Problem
from gateway.config.tree import Mapping, Mark, Node, Scalar, Sequence

SAMPLES: Final = [
    one
    for one in sorted((Path(__file__).parents[2] / "config").glob("*.yaml"))
    if ".test." not in one.name
]
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_JUNK: Final = ("", ":", "- ", "{", "}", "[", "]", "'", '"', "\t", "#", "|", ">", "%", "@", "`",
                "null", "a/b", "\u2028", "é", "5m", "3 of 5", ", ", "? ", "---", "...")  # fmt: skip
_VALUES: Final = ("[]", "{}", "[1, x]", "{a: b}", "true", "null", "''", "-1", "0", "nope", "12:34",
                  "'5'", "5 of 3", "a/b/c", "2026-13-45", '"a\\tb"')  # fmt: skip
_HUGE: Final = ("9" * 40, "1e999", "-1e308", "9" * 5_000, "1e-400", "9" * 16 + "y",
                "9" * 14 + "TiB", "99999 of 99999", "0." + "0" * 25 + "1", "x" * 300)  # fmt: skip
_TAGS: Final = ("!include gone.yaml", "!include gateway.yaml", "!env GONE_", "!env", "!x y",
                "!credential x", "!!binary aGk=", "!!python/object:os.system x", "&a ", "*a",
                "<<: *a", "!include [x]", "!inlcude a.yaml")  # fmt: skip
_Way = Callable[[str, random.Random], bytes]


class Token(NamedTuple):
    """A key or a value of a sample, and where it is written."""

    start: int
    text: str
    key: bool


class Spoilt(NamedTuple):
    """A file with a mistake."""

    sample: Path
    way: str
    data: bytes
    right: str = ""
    """Of a typo: the word as it was."""
    wrong: str = ""
    """And as it is now."""


@dataclass(slots=True)
class Outcome:
    """What became of many files."""

    files: Counter[str] = field(default_factory=Counter)
    """By the way in which they were spoilt."""
    good: int = 0
    """Files that are still right."""
    accepted: int = 0
    """Files with one typo that are still right: in a name, a host, a topic."""
    problems: int = 0
    placeless: list[tuple[Spoilt, Problem]] = field(default_factory=list)
    typos: Counter[str] = field(default_factory=Counter)
    """Files with one typo that were refused."""
    hinted: Counter[str] = field(default_factory=Counter)
    """Those of them whose report names the right word."""
    missed: list[tuple[Spoilt, tuple[Problem, ...]]] = field(default_factory=list)


def run(count: int, seed: int) -> Outcome:
    """Spoil and read so many files; what is raised but reports, comes out."""
    outcome = Outcome()
    for spoilt in made(count, seed):
        judge(outcome, spoilt)
    return outcome


def judge(outcome: Outcome, spoilt: Spoilt) -> None:
    """Read one file, and count what is said of it."""
    outcome.files[spoilt.way] += 1
    try:
        _check(spoilt)
    except BadFileError as error:
        _hold(outcome, spoilt, error)
    else:
        outcome.good += 1
        outcome.accepted += bool(spoilt.right)


def _check(spoilt: Spoilt) -> None:
    """Do what ``edge-gateway check`` does.

    Raises:
        BadFileError: with every problem.
    """
    settings, doc = load_text(spoilt.data, spoilt.sample)
    packages, problems = machine.packages(settings, doc)
    problems += machine.problems(settings, doc)
    warnings = [*advice.warnings(settings, doc), *machine.warnings(settings, doc)]
    warnings += advice.paces(settings, packages, doc)
    assert all(str(one) for one in warnings)
    absent = ("cannot be read", "No such file", "not installed", "needs: pip")
    problems = [one for one in problems if not any(word in one.message for word in absent)]
    if problems:
        raise BadFileError(problems)


def _hold(outcome: Outcome, spoilt: Spoilt, error: BadFileError) -> None:
    lines = spoilt.data.decode("utf-8", "replace").splitlines()
    outcome.problems += len(error.problems)
    outcome.placeless += [
        (spoilt, one)
        for one in error.problems
        if not (0 < one.line <= len(lines) + 1 and one.column > 0)
    ]
    if not error.problems or not str(error):
        raise AssertionError(f"a report without a problem: {spoilt}")
    if spoilt.right:
        outcome.typos[spoilt.way] += 1
        if any(_helps(one, spoilt) for one in error.problems):
            outcome.hinted[spoilt.way] += 1
        else:
            outcome.missed.append((spoilt, error.problems))


def _helps(problem: Problem, spoilt: Spoilt) -> bool:
    """It asks whether the right word was meant; at the use of a name that was mistyped where it is
    given, whether that name was.
    """
    meant = re.match(r"did you mean (['\"])(.*)\1\?", problem.hint)
    if meant is None:
        return False
    return spoilt.right in meant[2] or (
        spoilt.wrong in meant[2] and spoilt.right in problem.message
    )


def made(count: int, seed: int) -> Iterator[Spoilt]:
    """So many spoilt files, each way as often; typos of keys and of words four times as often."""
    chance = random.Random(seed)
    ways = [*_WAYS, *["key", "word"] * 4]
    for at in range(count):
        sample = SAMPLES[at % len(SAMPLES)]
        text = sample.read_text("utf-8")
        way = ways[at % len(ways)]
        if way in ("key", "word"):
            yield _mistyped(sample, text, way, chance)
        else:
            yield Spoilt(sample, way, _WAYS[way](text, chance))


# -- one typo --------------------------------------------------------------------------------------


def _mistyped(sample: Path, text: str, way: str, chance: random.Random) -> Spoilt:
    tokens = [one for one in _tokens(sample, text) if one.key == (way == "key")]
    words = [
        (one.start + found.start(), found[0])
        for one in tokens
        for found in _WORD.finditer(one.text)
    ]
    start, right = chance.choice(words)
    wrong = _typo(right, chance)
    return Spoilt(sample, way, (text[:start] + wrong + text[start + len(right) :]).encode(), right,
                  wrong)  # fmt: skip


def _typo(word: str, chance: random.Random) -> str:
    """A letter lost, doubled, swapped with the next, or another one."""
    while True:
        at = chance.randrange(len(word))
        made_ = chance.choice([
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            word[:at] + chance.choice(_LETTERS) + word[at + 1 :],
        ])  # fmt: skip
        if made_ != word:
            return made_


def _tokens(sample: Path, text: str) -> Iterator[Token]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for mark, said, key, quoted in _walk(parse(text.encode(), sample).root):
        if mark.line >= len(starts):
            continue  # of an included file
        start = starts[mark.line - 1] + mark.column - 1 + quoted
        if text.startswith(said, start) and said:
            yield Token(start, said, key)


def _walk(node: Node) -> Iterator[tuple[Mark, str, bool, bool]]:
    if isinstance(node, Scalar):
        yield node.mark, node.text, False, node.quoted
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _walk(item)
    elif isinstance(node, Mapping):
        for key, value in node.items.items():
            yield node.keys[key], key, True, False
            yield from _walk(value)


# -- everything else -------------------------------------------------------------------------------


def _line_lost(text: str, chance: random.Random) -> bytes:
    lines = text.split("\n")
    del lines[chance.randrange(len(lines))]
    return "\n".join(lines).encode()


def _span_lost(text: str, chance: random.Random) -> bytes:
    start = chance.randrange(len(text))
    return (text[:start] + text[start + chance.randint(1, 40) :]).encode()


def _doubled(text: str, chance: random.Random) -> bytes:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    to = chance.choice([at, chance.randrange(len(lines))])
    return "\n".join([*lines[:to], lines[at], *lines[to:]]).encode()


def _swapped(text: str, chance: random.Random) -> bytes:
    lines = text.split("\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines).encode()


def _indented(text: str, chance: random.Random) -> bytes:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    lines[at] = chance.choice([" " + lines[at], "  " + lines[at], lines[at][1:], "\t" + lines[at],
                               lines[at].lstrip()])  # fmt: skip
    return "\n".join(lines).encode()


def _junk(text: str, chance: random.Random) -> bytes:
    start = chance.randrange(len(text))
    return (text[:start] + chance.choice(_JUNK) + text[start + chance.randint(0, 3) :]).encode()


def _binary(text: str, chance: random.Random) -> bytes:
    data, start = text.encode(), chance.randrange(len(text))
    return data[:start] + chance.randbytes(chance.randint(1, 20)) + data[start:]


def _truncated(text: str, chance: random.Random) -> bytes:
    return text.encode()[: chance.randrange(len(text))]


def _other_value(values: tuple[str, ...]) -> _Way:
    def spoil(text: str, chance: random.Random) -> bytes:
        values_at = [one for one in _tokens(SAMPLES[0], text) if not one.key]
        one = chance.choice(values_at)
        return (
            text[: one.start] + chance.choice(values) + text[one.start + len(one.text) :]
        ).encode()

    return spoil


def _moved(text: str, chance: random.Random) -> bytes:
    """A key where another was."""
    keys = [one for one in _tokens(SAMPLES[0], text) if one.key]
    one, other = chance.choice(keys), chance.choice(keys)
    return (text[: one.start] + other.text + text[one.start + len(one.text) :]).encode()


_WAYS: Final[dict[str, _Way]] = {
    "line lost": _line_lost,
    "span lost": _span_lost,
    "doubled": _doubled,
    "swapped": _swapped,
    "indented": _indented,
    "junk": _junk,
    "binary": _binary,
    "truncated": _truncated,
    "wrong type": _other_value(_VALUES),
    "huge": _other_value(_HUGE),
    "tag": _other_value(_TAGS),
    "moved": _moved,
}
