"""The grammar of rules: text -> tree, by precedence climbing. No eval, no recursion without bound.

Loosest first: ``or``, ``and``, ``not``, one comparison, ``+ -``, ``* /``, unary ``-``. A name is an
identifier, possibly with dots, or anything between backticks. ``min max mean rate count`` take a
metric and a duration; ``age`` takes a metric, ``rms peak crest kurtosis`` one that is a signal.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from gateway.core import durations

MAX_TOKENS = 250
"""Bounds the depth of the tree too: a chain of n terms is n deep."""
MAX_NESTING = 40

LOOSENESS = {
    "or": 1, "and": 2, "not": 3,
    "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6,
    "negate": 7,
}  # fmt: skip
"""How tightly each operator binds; 4 does not chain."""
COMPARISONS = frozenset(("<", "<=", ">", ">=", "==", "!="))
SPANNED = ("min", "max", "mean", "rate", "count")
"""Functions of a metric over a duration."""
SHAPES = ("rms", "peak", "crest", "kurtosis")
"""Functions of a metric's newest block of samples."""


class RuleError(ValueError):
    """A rule cannot be read; ``column`` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a quoted text, or true or false."""

    value: float | bool | str


@dataclass(frozen=True, slots=True)
class Name:
    """The newest value of a metric."""

    metric: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one metric; ``span_ms`` is 0 where it takes no duration."""

    function: str
    metric: str
    span_ms: int


@dataclass(frozen=True, slots=True)
class Unary:
    """``not`` or ``negate``."""

    operator: str
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands."""

    operator: str
    left: "Node"
    right: "Node"


Node = Literal | Name | Call | Unary | Binary


class Token(NamedTuple):
    """One word of the text; the kind is number, duration, text, name, sign or end."""

    kind: str
    text: str
    column: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<duration>[0-9]+(?:\.[0-9]+)?(?:ms|[smhdwy])\b)
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<text>"[^"\n]*"|'[^'\n]*')
      | (?P<quoted>`[^`\n]+`)
      | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
      | (?P<sign><=|>=|==|!=|[-+*/<>(),])""",
    re.VERBOSE,
)
_HINTS = {"=": "; compare with ==", "&": "; write and", "|": "; write or", "!": "; write not"}


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            hint = _HINTS.get(text[at], "")
            raise RuleError(f"unexpected {text[at]!r}{hint}", at + 1)
        kind = found.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, found[0], at + 1))
        if len(tokens) > MAX_TOKENS:
            raise RuleError(f"more than {MAX_TOKENS} words", at + 1)
        at = found.end()
    return [*tokens, Token("end", "", len(text) + 1)]


def parse(text: str) -> Node:
    """Read a rule.

    Raises:
        RuleError: at the first thing that is wrong.
    """
    return _Parser(_tokens(text)).whole()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nesting = 0

    def whole(self) -> Node:
        node = self._expression(0)
        left_over = self._peek()
        if left_over.kind != "end":
            raise RuleError(f"unexpected {left_over.text!r}", left_over.column)
        return node

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _expression(self, loosest: int) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise RuleError(f"nested deeper than {MAX_NESTING}", self._peek().column)
        node = self._operand(loosest)
        while (binds := self._binds(self._peek())) > loosest:
            operator = self._next()
            node = Binary(operator.text, node, self._expression(binds))
            if operator.text in COMPARISONS and self._peek().text in COMPARISONS:
                raise RuleError("comparisons do not chain; join two with and", self._peek().column)
        self._nesting -= 1
        return node

    def _binds(self, token: Token) -> int:
        if token.kind in ("sign", "name") and token.text != "not":
            return LOOSENESS.get(token.text, 0)
        return 0

    def _operand(self, around: int) -> Node:
        token = self._next()
        if token.text == "-" and token.kind == "sign":
            return Unary("negate", self._expression(LOOSENESS["negate"]))
        if token.text == "(":
            node = self._expression(0)
            self._expect(")")
            return node
        if token.kind == "name":
            return self._word(token, around)
        return _literal(token)

    def _word(self, token: Token, around: int) -> Node:
        if token.text == "not":
            if around > LOOSENESS["not"]:
                raise RuleError("write (not ...) in parentheses here", token.column)
            return Unary("not", self._expression(LOOSENESS["not"]))
        if token.text in ("and", "or"):
            raise RuleError(f"{token.text!r} needs something before it", token.column)
        if token.text in ("true", "false"):
            return Literal(token.text == "true")
        if self._peek().text == "(":
            return self._call(token)
        return Name(token.text)

    def _call(self, function: Token) -> Node:
        if function.text not in ("age", *SPANNED, *SHAPES):
            known = ", ".join((*SPANNED, "age", *SHAPES))
            raise RuleError(f"no function {function.text!r}; there are {known}", function.column)
        self._expect("(")
        metric = self._metric()
        span_ms = 0
        if function.text in SPANNED:
            self._expect(",")
            span_ms = self._duration()
        self._expect(")")
        return Call(function.text, metric, span_ms)

    def _metric(self) -> str:
        token = self._next()
        if token.kind == "name" and token.text not in RESERVED:
            return token.text
        if token.kind == "quoted":
            return token.text[1:-1]
        raise RuleError("a metric's name is missing here", token.column)

    def _duration(self) -> int:
        token = self._next()
        if token.kind != "duration":
            raise RuleError("a duration is missing here, like 15m", token.column)
        try:
            return durations.parse(token.text)
        except ValueError as error:
            raise RuleError(str(error), token.column) from None

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.kind != "sign" or token.text != sign:
            raise RuleError(f"{sign!r} is missing here", token.column)


RESERVED = frozenset(("and", "or", "not", "true", "false"))


def _literal(token: Token) -> Node:
    if token.kind == "number":
        value = float(token.text)
        if not isfinite(value):
            raise RuleError("too large a number", token.column)
        return Literal(value)
    if token.kind == "text":
        return Literal(token.text[1:-1])
    if token.kind == "quoted":
        return Name(token.text[1:-1])
    if token.kind == "duration":
        raise RuleError("a duration stands only inside min, max, mean, rate, count", token.column)
    if token.kind == "end":
        raise RuleError("the rule ends too early", token.column)
    raise RuleError(f"unexpected {token.text!r}", token.column)
