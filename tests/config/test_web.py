"""The section about the page: who reaches it is decided by the file, and nothing by accident."""

from pathlib import Path

import pytest

from gateway import config
from gateway.config import machine
from gateway.config.loader import load_document
from gateway.config.proofread import proofread
from gateway.config.watching import Listen

HEAD = "gateway: {id: here}\nbrokers: {local: {host: localhost}}\n"
SAFE = "password_file: people, tls: {cert_file: a.pem, key_file: b.pem}"


def problems(section: str) -> list[str]:
    found = proofread((HEAD + f"web: {{{section}}}\n").encode(), Path("/etc/gateway.yaml"))
    return [one.message for one in found]


def test_without_a_section_there_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(HEAD)
    assert config.load(tmp_path / "gateway.yaml").web is None


def test_it_listens_on_this_machine_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(HEAD + "web: {}\n")
    web = config.load(tmp_path / "gateway.yaml").web
    assert web is not None
    assert (web.listen.host, web.listen.port, web.guest) == ("127.0.0.1", 8090, "viewer")


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:8090", '"[::1]:8090"', "localhost:8090", "8090", "127.9.9.9:1"]
)
def test_loopback_needs_nothing(listen: str) -> None:
    assert problems(f"listen: {listen}") == []


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", '"[::]:8090"', "192.0.2.7:8090", "pi.local:80"])
def test_beyond_this_machine_it_needs_a_password_and_tls_or_a_word(listen: str) -> None:
    (both,) = problems(f"listen: {listen}")
    assert "needs password_file and tls" in both
    (tls,) = problems(f"listen: {listen}, password_file: people")
    assert "needs tls" in tls
    assert problems(f"listen: {listen}, {SAFE}") == []
    assert problems(f"listen: {listen}, unprotected: true") == []


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:", ":8090", "1.2.3.4:99999", "a b:1"])
def test_what_is_no_place_is_refused(listen: str) -> None:
    assert any("address and a port" in one for one in problems(f"listen: '{listen}'"))


def test_a_guest_who_may_act_and_a_password_contradict_each_other() -> None:
    assert problems("guest: operator") == []
    (found,) = problems("guest: operator, password_file: people")
    assert "nobody is a guest" in found


def metrics(section: str) -> list[str]:
    found = proofread((HEAD + f"metrics: {{{section}}}\n").encode(), Path("/etc/gateway.yaml"))
    return [one.message for one in found]


def test_metrics_are_for_this_machine_unless_they_are_protected() -> None:
    assert metrics("") == []
    (both,) = metrics("listen: 0.0.0.0:9464")
    assert "needs token_file and tls" in both
    (tls,) = metrics("listen: 0.0.0.0:9464, token_file: t")
    assert "needs tls" in tls
    assert metrics("listen: 0.0.0.0:9464, unprotected: true") == []
    safe = "token_file: t, tls: {cert_file: a.pem, key_file: b.pem}"
    assert metrics(f"listen: 0.0.0.0:9464, {safe}") == []


def test_metrics_have_a_place_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(HEAD + "metrics: {}\n")
    told = config.load(tmp_path / "gateway.yaml").metrics
    assert told is not None
    assert (told.listen, told.token_file) == (Listen("127.0.0.1", 9464), None)


SERVED = """\
web: {password_file: people, tls: {cert_file: page.pem, key_file: page.key}}
metrics: {token_file: token, tls: {cert_file: told.pem, key_file: told.key}}
"""
FILES = ("people", "page.pem", "page.key", "token", "told.pem", "told.key")


@pytest.mark.parametrize("missing", FILES)
def test_each_file_of_the_page_and_of_metrics_must_be_readable(
    tmp_path: Path, missing: str
) -> None:
    (tmp_path / "gateway.yaml").write_text(HEAD + SERVED + f"store: {{path: {tmp_path}/db}}\n")
    for name in FILES:
        (tmp_path / name).write_text("anything")
    settings, doc = load_document(tmp_path / "gateway.yaml")
    assert list(machine.problems(settings, doc)) == []
    (tmp_path / missing).unlink()
    (found,) = machine.problems(settings, doc)
    assert found.message == f"{tmp_path / missing}: No such file or directory"
    assert found.source[found.column - 1 :].startswith(missing)
