"""A database of one's own, for all who cut rows of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.writer import Store
from tests.sync.rooms import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    yield made
    made.close()
