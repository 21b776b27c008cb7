"""Rules: what a user declares about metrics, evaluated with three values.

``None`` means unknown: a metric without a value, a comparison with an unknown, a division by zero.
``unknown and false`` is false, ``unknown or true`` is true; every other mixture stays unknown.
A true or false counts as 1 or 0 beside a number, and a number other than 0 counts as true.
``rate`` is the change per second between the first and the last reading of its span.
"""

import operator as op
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

from gateway.core import durations, grammar
from gateway.core.grammar import Binary, Call, Literal, Name, Node, RuleError, Unary
from gateway.core.leaves import leaves
from gateway.core.signals import Signal

__all__ = ["Expression", "RuleError", "View", "evaluate", "parse"]

Value = float | bool | str
Result = Value | None
_MIN_FOR_RATE = 2


class View(Protocol):
    """The metrics of one asset at one moment; only good readings are in it."""

    def value(self, metric: str) -> float | bool | str | None:
        """Newest value; None when there is none or it is stale."""
        ...

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        """Readings of the last ``span_ms``, oldest first: (monotonic ms, value)."""
        ...

    def signal(self, metric: str) -> Signal | None:
        """The newest block of a signal; None when there is none or it is stale."""
        ...

    def age_ms(self, metric: str) -> int | None:
        """Since its newest reading; None when there never was one."""
        ...


Ask = Callable[[View], Result]


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule that was read once and is evaluated often."""

    text: str
    node: Node

    metrics: frozenset[str] = field(compare=False)
    """Every metric it names."""
    span_ms: Mapping[str, int] = field(compare=False)
    """How much history each of them needs; 0 where the newest value is enough."""
    ask: Ask = field(compare=False, repr=False)
    """Works it out: the tree as functions, in a third of the time of walking it."""

    def __reduce__(self) -> tuple[Callable[[str], "Expression"], tuple[str]]:
        """Between processes it travels as its text: functions cannot."""
        return parse, (self.text,)

    @property
    def is_condition(self) -> bool:
        """It says yes or no; a bare sum does not."""
        match self.node:
            case Literal(value):
                return isinstance(value, bool)
            case Binary(operator, _, _):
                return grammar.LOOSENESS[operator] <= grammar.LOOSENESS["=="]
            case Unary(operator, _):
                return operator == "not"
            case node:
                return isinstance(node, Name)

    def __str__(self) -> str:
        return _render(self.node, 0)


def parse(text: str) -> Expression:
    """Read a rule.

    Raises:
        RuleError: it is not one; with the column.
    """
    node = grammar.parse(text)
    span_ms: dict[str, int] = {}
    for metric, needed_ms in _uses(node):
        span_ms[metric] = max(needed_ms, span_ms.get(metric, 0))
    return Expression(text, node, frozenset(span_ms), span_ms, _ask(node))


def evaluate(expression: Expression, view: View) -> float | bool | None:
    """Work a rule out; None is unknown, and so is a rule that is only a text."""
    result = expression.ask(view)
    return None if isinstance(result, str) else result


def _ask(node: Node) -> Ask:
    match node:
        case Literal(value):
            return lambda _: value
        case Name(metric):
            return lambda view: view.value(metric)
        case Call(function, metric, span_ms):
            return lambda view: _call(function, metric, span_ms, view)
        case Unary(operator, operand):
            asked = _ask(operand)
            return lambda view: _unary(operator, asked(view))
        case Binary(operator, left, right):
            return _binary(operator, _ask(left), _ask(right))


def _unary(operator: str, value: Result) -> float | bool | None:
    if operator == "negate":
        return _arithmetic("-", 0.0, value)
    truth = _truth(value)
    return None if truth is None else not truth


def _binary(operator: str, left: Ask, right: Ask) -> Ask:
    if operator in ("and", "or"):
        return lambda view: _logic(operator, left, right, view)
    act = _compare if operator in grammar.COMPARISONS else _arithmetic
    return lambda view: act(operator, left(view), right(view))


def _truth(value: Result) -> bool | None:
    return None if value is None or isinstance(value, str) else bool(value)


def _logic(operator: str, left: Ask, right: Ask, view: View) -> bool | None:
    decides = operator == "or"
    first = _truth(left(view))
    if first is decides:
        return decides
    second = _truth(right(view))
    if second is decides:
        return decides
    return None if first is None or second is None else not decides


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge, "==": op.eq, "!=": op.ne,
}  # fmt: skip
_COMPUTE: Mapping[str, Callable[[float, float], float]] = {
    "+": op.add, "-": op.sub, "*": op.mul, "/": op.truediv,
}  # fmt: skip


def _compare(operator: str, left: Result, right: Result) -> bool | None:
    if isinstance(left, str) and isinstance(right, str):
        return (left == right) is (operator == "==") if operator in ("==", "!=") else None
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return None
    return _COMPARE[operator](left, right)


def _arithmetic(operator: str, left: Result, right: Result) -> float | None:
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return None
    try:
        result = _COMPUTE[operator](float(left), float(right))
    except ZeroDivisionError:
        return None
    return result if isfinite(result) else None


def _call(function: str, metric: str, span_ms: int, view: View) -> float | None:
    if function == "age":
        age_ms = view.age_ms(metric)
        return None if age_ms is None else age_ms / 1000
    if function in grammar.SHAPES:
        signal = view.signal(metric)
        return None if signal is None else float(getattr(signal, function))
    return _SPANNED[function](view.history(metric, span_ms))


def _mean(history: Sequence[tuple[int, float]]) -> float | None:
    if not history:
        return None
    # Divided before the sum: the sum of large values may overflow, their mean cannot.
    return sum(value / len(history) for _, value in history)


def _rate(history: Sequence[tuple[int, float]]) -> float | None:
    if len(history) < _MIN_FOR_RATE:
        return None
    (began_ms, first), (ended_ms, last) = history[0], history[-1]
    return _arithmetic("/", last - first, (ended_ms - began_ms) / 1000)


_SPANNED: Mapping[str, Callable[[Sequence[tuple[int, float]]], float | None]] = {
    "min": lambda history: min((value for _, value in history), default=None),
    "max": lambda history: max((value for _, value in history), default=None),
    "mean": _mean,
    "rate": _rate,
    "count": lambda history: float(len(history)),
}


def _uses(node: Node) -> Iterator[tuple[str, int]]:
    for leaf in leaves(node):
        yield leaf.metric, leaf.span_ms if isinstance(leaf, Call) else 0


def _render(node: Node, around: int) -> str:
    """Write a node with no more parentheses than it needs beside an operator that binds so."""
    match node:
        case Literal(value):
            return _literal(value)
        case Name(metric):
            return f"`{metric}`"
        case Call(function, metric, span_ms):
            span = f", {durations.render(span_ms)}" if span_ms else ""
            return f"{function}(`{metric}`{span})"
        case Unary(operator, operand):
            word = "not " if operator == "not" else "-"
            binds = grammar.LOOSENESS[operator]
            return _enclose(word + _render(operand, binds - 1), binds, around)
        case Binary(operator, left, right):
            binds = grammar.LOOSENESS[operator]
            chains = operator not in grammar.COMPARISONS
            text = f"{_render(left, binds - chains)} {operator} {_render(right, binds)}"
            return _enclose(text, binds, around)


def _enclose(text: str, binds: int, around: int) -> str:
    return f"({text})" if binds <= around else text


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        quote = "'" if '"' in value else '"'
        return f"{quote}{value}{quote}"
    return repr(value)
