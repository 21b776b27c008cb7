"""The key of the checkpoints: for its owner alone, made once, checked by its public half."""

from pathlib import Path

import pytest

from gateway.adapters import signing
from gateway.adapters.signing import KeyFileError, SigningKey


def test_it_is_made_once_and_is_the_same_ever_after(tmp_path: Path) -> None:
    key, made = signing.own(tmp_path / "audit.key")
    again, made_again = signing.own(tmp_path / "audit.key")
    assert (made, made_again, again.public) == (True, False, key.public)
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600
    assert signing.public_of(tmp_path / "audit.pub") == key.public
    assert signing.holds(b"word", again.sign(b"word"), key.public)
    assert not signing.holds(b"ward", key.sign(b"word"), key.public)
    assert list(tmp_path.glob("*.new")) == []


def test_one_that_was_half_written_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "audit.key").write_bytes(b"")
    key, made = signing.own(tmp_path / "audit.key")
    assert made
    assert (tmp_path / "audit.bad").exists()
    assert SigningKey.load(tmp_path / "audit.key").public == key.public


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    key, _ = signing.own(tmp_path / "audit.key")
    (tmp_path / "audit.pub").write_text("nonsense")
    signing.own(tmp_path / "audit.key")
    assert signing.public_of(tmp_path / "audit.pub") == key.public


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signing.own(tmp_path / "audit.key")
    (tmp_path / "audit.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        SigningKey.load(tmp_path / "audit.key")
    with pytest.raises(KeyFileError, match="No such file"):
        SigningKey.load(tmp_path / "none.key")


def test_a_public_key_may_be_pem_as_openssl_writes_it(tmp_path: Path) -> None:
    from gateway.models.signature import generate

    keys = generate()
    (tmp_path / "a.pub").write_bytes(keys.public)
    (tmp_path / "a.key").write_bytes(keys.secret)
    (tmp_path / "a.key").chmod(0o600)
    assert signing.public_of(tmp_path / "a.pub") == SigningKey.load(tmp_path / "a.key").public
    assert signing.public_of(tmp_path / "none.pub") == ""


@pytest.mark.parametrize("words", ["", "AA==", "§", "A" * 43 + "="])
def test_what_is_no_signature_does_not_hold(words: str, tmp_path: Path) -> None:
    key = SigningKey.make(tmp_path / "audit.key")
    assert not signing.holds(b"word", words, key.public)
    assert not signing.holds(b"word", key.sign(b"word"), words)
