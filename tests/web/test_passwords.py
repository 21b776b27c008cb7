"""Passwords are kept as salted scrypt, and files of people are read strictly."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.web import passwords


def test_only_the_password_fits_what_is_kept_of_it() -> None:
    kept = passwords.keep("correct horse")
    assert "correct" not in kept
    assert passwords.fits("correct horse", kept)
    assert not passwords.fits("correct horsf", kept)
    assert not passwords.fits("", kept)
    assert not passwords.fits("x" * 300, kept)
    assert not passwords.fits("x", passwords.NOBODY.kept)


def test_the_hash_is_scrypt_as_the_rfc_has_it() -> None:
    """RFC 7914, 12: the vector with N = 16384, r = 8, p = 1 is "pleaseletmein", SodiumChloride."""
    kept = passwords.keep("pleaseletmein", b"SodiumChloride")
    assert kept.endswith("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")


def test_the_same_password_is_kept_differently_each_time() -> None:
    assert passwords.keep("correct horse") != passwords.keep("correct horse")


def test_a_file_of_people_is_read(tmp_path: Path) -> None:
    file = tmp_path / "people"
    lines = [passwords.line("anna", "operator", "correct horse"), "# a comment", ""]
    file.write_text("\n".join(lines))
    (anna,) = passwords.read(file).values()
    assert (anna.name, anna.role) == ("anna", "operator")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna:secret",
        "anna:root:scrypt$16384$8$1$" + "0" * 32 + "$" + "0" * 64,
        "anna:viewer:scrypt$16383$8$1$" + "0" * 32 + "$" + "0" * 64,
        "anna:viewer:scrypt$1048576$8$1$" + "0" * 32 + "$" + "0" * 64,
        "an na:viewer:scrypt$16384$8$1$" + "0" * 32 + "$" + "0" * 64,
    ],
)
def test_a_wrong_line_is_named_and_never_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "people").write_text(text)
    with pytest.raises(ConfigError) as error:
        passwords.read(tmp_path / "people")
    assert "edge-gateway password" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(("name", "password"), [("a b", "long enough"), ("anna", "short")])
def test_a_bad_name_or_a_short_password_makes_no_line(name: str, password: str) -> None:
    with pytest.raises(ConfigError):
        passwords.line(name, "viewer", password)
