"""What a letter's process reads and says."""

from pathlib import Path

import pytest

from gateway.adapters.alert_child import addresses, masked, send


def test_a_file_holds_one_address_per_line(tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text("# the shift\n\n  json://one/ \njson://two/#x\n")
    assert addresses(file) == ["json://one/", "json://two/#x"]
    assert send(file, 2, "t", "b") == f"{file}: there is no address 3"
    assert send(tmp_path / "none", 0, "t", "b") == f"{tmp_path / 'none'}: No such file or directory"


@pytest.mark.parametrize(
    ("address", "said", "shown"),
    [
        (
            "mailto://ann:s%40same@host",
            "login of ann with s@same at host",
            "login of ann with ... at host",
        ),
        ("ntfys://host/top-secret", "https://host/top-secret: 403", "https://host...: 403"),
        ("json://host/?key=abcdef", "key=abcdef refused by host", "... refused by host"),
        ("json://host/", "connection refused", "connection refused"),
    ],
)
def test_nothing_of_an_address_but_its_host_is_said(address: str, said: str, shown: str) -> None:
    assert masked(said, address) == shown
