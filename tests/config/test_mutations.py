"""Spoilt files: a report or settings, never a traceback."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import BadFileError, load
from tests.config.samples import GOOD, written

ROOT = Path(__file__).parents[2]
FILES = [one for one in sorted((ROOT / "config").glob("*.yaml")) if ".test." not in one.name]
SAMPLES = [GOOD, *(file.read_text("utf-8") for file in FILES)]
JUNK = ["", ":", "- ", "{", "}", "[", "]", "'", '"', "\t", "#", "null", "1e999", "-1", "nan",
        "0x1", "a/b", "&a ", "*a", "!!x ", "\u2028", "\x00", "é", "5m", "3 of 5", ", "]  # fmt: skip


def spoilt(text: str, chance: random.Random) -> str:
    """Some characters, words or lines lost, doubled, swapped or replaced."""
    for _ in range(chance.randint(1, 4)):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        start = chance.randrange(len(text)) if text else 0
        end = start + chance.randint(0, 12)
        text = chance.choice([
            text[:start] + chance.choice(JUNK) + text[end:],
            text[:start] + text[end:],
            text[:start] + text[start:end] * 3 + text[end:],
            "\n".join(lines[:at] + lines[at + 1 :]),
            "\n".join([*lines[:at], chance.choice(lines), *lines[at:]]),
            "\n".join([*lines[:at], "  " + lines[at], *lines[at + 1 :]]),
        ])  # fmt: skip
    return text


@pytest.mark.parametrize("seed", range(10))
def test_a_spoilt_sample_is_settings_or_a_report_with_places(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        text = spoilt(chance.choice(SAMPLES), chance)
        try:
            load(written(tmp_path, text))
        except BadFileError as error:
            count = len(text.splitlines())
            assert error.problems  # noqa: PT017 - the other branch has nothing to look at
            assert all(0 <= problem.line <= count + 1 for problem in error.problems)  # noqa: PT017


trees = st.recursive(
    st.sampled_from(["x", "5", "15m", "true", "[0, 1]", "a/b", "alarm", "3 of 5", '""', ""]),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    | st.dictionaries(
        st.sampled_from(
            ["id", "host", "bridge", "broker", "from", "metrics", "actions", "policy", "verdicts",
             "rule", "model", "when", "do", "set", "to", "proof", "fail_safe", "tls", "words", "x"]
        ),
        inner,
        max_size=4,
    ).map(lambda keys: "{" + ", ".join(f"{key}: {item}" for key, item in keys.items()) + "}"),
    max_leaves=12,
)  # fmt: skip


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    st.dictionaries(
        st.sampled_from(["gateway", "brokers", "sources", "assets", "models", "store", "log"]),
        trees | trees.map(lambda tree: f"{{one: {tree}}}"),
    )
)
def test_any_tree_is_settings_or_a_report(tmp_path: Path, sections: dict[str, str]) -> None:
    text = "".join(f"{key}: {tree}\n" for key, tree in sections.items())
    try:
        load(written(tmp_path, text))
    except BadFileError as error:
        assert str(error)  # noqa: PT017 - the other branch has nothing to look at
