"""The leaves of a rule: what it looks at."""

from collections.abc import Iterator

from gateway.core.grammar import SHAPES, Binary, Call, Literal, Name, Node, Unary


def leaves(node: Node) -> Iterator[Name | Call]:
    """Every metric and function of a metric, from left to right."""
    match node:
        case Name() | Call():
            yield node
        case Unary(_, operand):
            yield from leaves(operand)
        case Binary(_, left, right):
            yield from leaves(left)
            yield from leaves(right)
        case Literal():
            pass


def of_signals(node: Node) -> frozenset[str]:
    """The metrics whose samples it looks at."""
    calls = (leaf for leaf in leaves(node) if isinstance(leaf, Call))
    return frozenset(call.metric for call in calls if call.function in SHAPES)
