"""Counts in words: how many of something there are, as people are told it."""


def counted(count: object, one: str, many: str = "") -> str:
    """``1 device``, ``2 devices``; ``many`` where an s at the end does not make it."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
