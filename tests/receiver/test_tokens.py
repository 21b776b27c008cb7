"""Who may send."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.receiver.tokens import Tokens

ANY, ONE = "a" * 20, "b" * 20


def made(folder: Path, text: str) -> Path:
    file = folder / "tokens"
    file.write_text(text)
    return file


def test_without_a_file_everybody_may() -> None:
    assert Tokens(None).gateway_of("") == ""


def test_a_token_is_for_all_or_for_one_gateway(tmp_path: Path) -> None:
    tokens = Tokens(made(tmp_path, f"# ours\n{ANY}\n\n{ONE} plant north\n"))
    assert tokens.gateway_of(f"Bearer {ANY}") == ""
    assert tokens.gateway_of(f"bearer  {ONE}") == "plant north"
    for wrong in ("", "Bearer", "Bearer ", f"Basic {ANY}", f"Bearer {ANY}x", ANY, "Bearer \udcff"):
        assert tokens.gateway_of(wrong) is None


def test_a_changed_file_counts_at_once_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    file = made(tmp_path, f"{ANY}\n")
    tokens = Tokens(file)
    file.write_text(f"{ONE}\n# more\n")
    assert tokens.gateway_of(f"Bearer {ANY}") is None
    assert tokens.gateway_of(f"Bearer {ONE}") == ""
    file.write_text("short\n")
    assert tokens.gateway_of(f"Bearer {ONE}") == ""
    file.unlink()
    assert tokens.gateway_of(f"Bearer {ONE}") == ""


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n"])
def test_a_file_without_a_good_token_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        Tokens(made(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Tokens(tmp_path / "nowhere")
