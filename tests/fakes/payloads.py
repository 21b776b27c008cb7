"""The payload samples beside the checkout, where they are there."""

import json
from functools import cache
from pathlib import Path

import pytest

from gateway.core.messages import Message

ROOT = Path(__file__).parents[3] / "shared" / "payloads"
NOW_MS = 1_790_000_000_000


def message(topic, payload, *, retain=False, at_ms=NOW_MS):
    return Message(
        "local", topic, payload, 0, retain, dup=False, received_at_ms=at_ms, received_mono_ms=1
    )


@cache
def index():
    """The samples' table; skips the test where there is none."""
    path = ROOT / "index.json"
    if not path.exists():
        pytest.skip("needs ../shared/payloads")
    return {(row["bridge"], row["name"]): row for row in json.loads(path.read_text())}


def sample(bridge, name):
    """One sample as the message it was."""
    row = index()[bridge, name]
    payload = (ROOT / bridge / f"{name}.json").read_bytes()
    return message(row["topic"], payload, retain=row["retain"])
