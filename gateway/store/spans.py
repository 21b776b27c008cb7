"""Spans: which row ids were taken, as a sorted list of [first, last] that do not touch."""

from bisect import bisect_right

Spans = list[list[int]]


def add(spans: Spans, first: int, last: int) -> bool:
    """Take ids; False when all of them were taken before."""
    at = bisect_right(spans, first, key=lambda span: span[0])
    if at and spans[at - 1][1] >= last:
        return False
    start = at - 1 if at and spans[at - 1][1] >= first - 1 else at
    end = bisect_right(spans, last + 1, key=lambda span: span[0])
    touched = spans[start:end]
    first = min([first, *(low for low, _ in touched[:1])])
    last = max([last, *(high for _, high in touched[-1:])])
    spans[start:end] = [[first, last]]
    return True
