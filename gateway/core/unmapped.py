"""Unmapped values: every scalar of an uplink, and the metric that it would be."""

from collections.abc import Iterator

from gateway.core import units
from gateway.core.messages import Tree, Uplink
from gateway.core.paths import Index, Key, Path, Step
from gateway.core.readings import Metric, MetricKind
from gateway.core.values import MAX_TEXT, NULL_WORDS, number


def links(uplink: Uplink) -> Iterator[tuple[tuple[Step, ...], Tree]]:
    """What the bridge says of the radio link."""
    return (((Key("link"), Key(name)), value) for name, value in uplink.link.items())


def leaves(tree: Tree, aside: frozenset[str]) -> Iterator[tuple[tuple[Step, ...], Tree]]:
    """Walk to every scalar, in the order of the document, past the top-level keys ``aside``."""
    if isinstance(tree, dict) and not aside.isdisjoint(tree):
        tree = {key: value for key, value in tree.items() if key not in aside}
    stack: list[tuple[tuple[Step, ...], Tree]] = [((), tree)]
    while stack:
        steps, node = stack.pop()
        if isinstance(node, dict):
            stack += [((*steps, Key(key)), node[key]) for key in reversed(node)]
        elif isinstance(node, list):
            stack += [((*steps, Index(at)), node[at]) for at in reversed(range(len(node)))]
        elif steps:
            yield steps, node


def kind_of(raw: Tree) -> MetricKind | None:
    """Choose the kind of an unmapped leaf; None for what is not kept: no value, long text."""
    if isinstance(raw, bool):
        return MetricKind.STATE
    if isinstance(raw, int | float):
        return MetricKind.GAUGE
    if not isinstance(raw, str) or len(raw) > MAX_TEXT or raw.strip().lower() in NULL_WORDS:
        return None
    # "55.3" is a number that was sent as text; "0101" is a name.
    digits = raw.strip().removeprefix("-")
    named = digits[:1] == "0" and digits[1:2].isdigit()
    return MetricKind.TEXT if named or number(raw) is None else MetricKind.GAUGE


def ad_hoc(source: str, device: str, path: Path, kind: MetricKind) -> Metric:
    """Name an unmapped leaf by its path; its unit is what its key says, or unknown."""
    last = path.steps[-1]
    unit = units.suffix(last.name) if isinstance(last, Key) and kind is MetricKind.GAUGE else ""
    return Metric(str(path), source, device, path, unit=unit, kind=kind)


def top(steps: tuple[Step, ...]) -> str | None:
    """Give the top-level key of a path; None for a link metric."""
    first = steps[0]
    if not isinstance(first, Key):
        return ""
    return None if first.name == "link" else first.name
