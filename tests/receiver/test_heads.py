"""Audit heads: each extends the one before."""

from pathlib import Path

import pytest

from gateway.adapters.signing import SigningKey
from gateway.core import checkpoints
from gateway.core.audit import Head as End
from gateway.core.audit import canonical
from gateway.receiver.heads import Anchor, contradiction, head_of


def document(folder: Path, seq: int, digest: bytes, key: str = "audit.key") -> dict[str, object]:
    path = folder / key
    made = SigningKey.load(path) if path.exists() else SigningKey.make(path)
    drafted = checkpoints.draft(
        End(seq, digest), "chain-1", "north", made.public, 1_766_000_000_000
    )
    return dict(
        checkpoints.tree(checkpoints.signed(drafted, made.sign(canonical(drafted).encode())))
    )


def test_a_signed_head_is_read(tmp_path: Path) -> None:
    head = head_of({"kind": "checkpoint", "body": document(tmp_path, 9, b"\1" * 32)})
    assert (head.chain, head.anchor.seq, head.anchor.hash) == ("chain-1", 9, "01" * 32)
    assert head.alarm == ""


def test_a_changed_head_is_seen(tmp_path: Path) -> None:
    body = document(tmp_path, 9, b"\1" * 32) | {"seq": 8}
    assert "signature" in head_of({"kind": "checkpoint", "body": body}).alarm


@pytest.mark.parametrize("body", [None, 7, [], {}, {"seq": 0}, {"seq": 3, "hash": "zz"}, "x"])
def test_what_is_no_head_is_kept_with_an_alarm(body: object) -> None:
    assert "no checkpoint" in head_of({"kind": "checkpoint", "body": body}).alarm


FIRST, SECOND = Anchor(5, "aa", "key"), Anchor(9, "bb", "key")


@pytest.mark.parametrize(
    ("told", "newest", "same", "word"),
    [
        (FIRST, None, None, ""),
        (SECOND, FIRST, None, ""),
        (SECOND, SECOND, SECOND, ""),
        (FIRST, SECOND, FIRST, ""),
        (FIRST._replace(hash="cc"), SECOND, FIRST, "another hash"),
        (Anchor(7, "dd", "key"), SECOND, None, "goes back from record 9 to 7"),
        (Anchor(11, "ee", "other"), SECOND, None, "another key"),
    ],
)
def test_what_contradicts_the_heads_before_is_an_alarm(
    told: Anchor, newest: Anchor | None, same: Anchor | None, word: str
) -> None:
    assert word in contradiction(told, newest, same)
    assert bool(word) == bool(contradiction(told, newest, same))
