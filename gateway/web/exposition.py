"""The text that Prometheus reads.

Source: Prometheus, "Exposition formats", text-based format 0.0.4: ``# HELP``, ``# TYPE``, then one
sample per line; backslash, quote and newline are escaped in labels; a histogram has cumulative
``_bucket`` samples with ``le``, ``_sum`` and ``_count``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.web.series import BY_NAME, MOST, PREFIX, TABLE, Series

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LONGEST: Final = 200
"""Characters of a label's value."""
_DROPPED: Final = PREFIX + "series_dropped"

Figures = Mapping[str, Sequence[Sequence[Any]]]
"""Series -> samples: the labels' values, then the value; of a histogram the counts and the sum."""


def text(figures: Figures) -> str:
    """All that is known, in the order of the table; what is not in the table is an error.

    Raises:
        KeyError: there is no such series.
    """
    for name in figures:
        BY_NAME[name]
    dropped = sum(max(0, len(samples) - MOST) for samples in figures.values())
    lines = [
        line for series in TABLE if series.name in figures
        for line in _series(series, figures[series.name][:MOST])
    ]  # fmt: skip
    lines.append(f"# HELP {_DROPPED} Samples beyond the {MOST} that one metric may have.")
    lines += [f"# TYPE {_DROPPED} gauge", f"{_DROPPED} {dropped}", ""]
    return "\n".join(lines)


def _series(series: Series, samples: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"# HELP {series.full} {series.help}"
    yield f"# TYPE {series.full} {series.kind}"
    width = len(series.labels)
    for sample in samples:
        labels = [
            f'{name}="{_escaped(value)}"'
            for name, value in zip(series.labels, sample[:width], strict=True)
        ]
        if series.kind == "histogram":
            yield from _histogram(series, labels, sample[width], sample[width + 1])
        else:
            yield f"{series.full}{_braced(labels)} {_number(sample[width])}"


def _histogram(
    series: Series, labels: list[str], counts: Sequence[int], total: float
) -> Iterator[str]:
    """``counts``: of each bucket alone, the infinite one too."""
    seen = 0
    bounds = [*map(_number, series.buckets), "+Inf"]
    for bound, count in zip(bounds, counts, strict=True):
        seen += count
        le = f'le="{bound}"'
        yield f"{series.full}_bucket{_braced([*labels, le])} {seen}"
    yield f"{series.full}_sum{_braced(labels)} {_number(total)}"
    yield f"{series.full}_count{_braced(labels)} {seen}"


def _braced(labels: Sequence[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _escaped(value: object) -> str:
    text = str(value)[:LONGEST]
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float | bool) -> str:  # noqa: FBT001 - a figure like others
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.10g}"
