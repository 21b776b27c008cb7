"""Signed checkpoints: what the end of an audit chain was at one time, for whoever keeps one.

A chain shows what was changed in the past; that its end was cut off, or that all of it was written
anew, only a word from outside shows. The document is JSON; what is signed (Ed25519, RFC 8032) is
its canonical text without ``signature``.
"""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.core.audit import Head, canonical
from gateway.core.topic_tree import Document, head

SIGNATURE: Final = "signature"
MAX_BYTES: Final = 4_096


class Checkpoint(NamedTuple):
    """A signed word about the end of a chain."""

    seq: int
    hash: bytes
    epoch: str
    """Of the chain: a database that was begun anew has another one."""
    public_key: str
    """Base64 of its 32 bytes."""
    document: str
    """The whole, as JSON text."""

    @property
    def made(self) -> str:
        """When it was made, RFC 3339."""
        return str(json.loads(self.document).get("ts", "?"))

    @property
    def signed(self) -> tuple[bytes, str]:
        """What was signed, and the signature (base64)."""
        tree = json.loads(self.document)
        signature = str(tree.pop(SIGNATURE, ""))
        return canonical(tree).encode(), signature


def draft(end: Head, epoch: str, gateway: str, public_key: str, now_ms: int) -> Document:
    """The document of a checkpoint, not yet signed."""
    return head(now_ms) | {
        "gateway": gateway,
        "epoch": epoch,
        "seq": end.seq,
        "hash": end.hash.hex(),
        "public_key": public_key,
    }


def tree(made: Checkpoint) -> Document:
    """The document of a checkpoint."""
    found: Document = json.loads(made.document)
    return found


def signed(document: Document, signature: str) -> Checkpoint:
    """The finished checkpoint."""
    return of_tree({**document, SIGNATURE: signature})


def parse(words: str | bytes) -> Checkpoint:
    """A checkpoint from its JSON text.

    Raises:
        ValueError: it is none; whether its signature holds is not looked at.
    """
    if len(words) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes: no checkpoint")
    try:
        tree = json.loads(words)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise ValueError("no checkpoint: it should be a JSON object")  # noqa: TRY004
    return of_tree(tree)


def of_tree(tree: Mapping[str, object]) -> Checkpoint:
    """A checkpoint from its document.

    Raises:
        ValueError: something is missing, or is not what it should be.
    """
    seq, digest = tree.get("seq"), tree.get("hash")
    if type(seq) is not int or seq < 1 or not isinstance(digest, str):
        raise ValueError("no checkpoint: it needs seq, hash, epoch, public_key and signature")
    return Checkpoint(
        seq,
        bytes.fromhex(digest),
        str(tree.get("epoch", "")),
        str(tree.get("public_key", "")),
        json.dumps(tree, ensure_ascii=False, separators=(",", ":")),
    )
