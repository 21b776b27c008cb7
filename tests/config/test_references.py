"""Values from the environment and from credentials: typed like any, and never shown when secret."""

from pathlib import Path

import pytest

from gateway.config import BadFileError, Problem, load, load_part
from gateway.config.document import parse, parse_received
from gateway.config.proofread import proofread
from gateway.config.tree import hidden, plain
from tests.config.samples import GOOD, written

FILE = Path("plant.yaml")


def value(text: str) -> object:
    tree = plain(parse(text.encode(), FILE).root)
    assert isinstance(tree, dict)
    return tree["username"]


def missed(text: str) -> Problem:
    with pytest.raises(BadFileError) as caught:
        parse(text.encode(), FILE)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


# -- !env ------------------------------------------------------------------------------------------


def test_a_variable_is_typed_like_any_scalar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT_PORT", "2883")
    monkeypatch.setenv("PLANT_KEEP", "45d")
    text = GOOD.replace("host: localhost", "host: !env PLANT_HOST the host, port: !env PLANT_PORT")
    text = text.replace("readings: 90d", "readings: !env PLANT_KEEP")
    settings = load(written(tmp_path, text))
    assert settings.brokers["local"].port == 2883
    assert settings.brokers["local"].host == "the host"
    assert settings.store.keep_ms["readings"] == 45 * 86_400_000


def test_a_default_stands_for_a_variable_that_is_not_set_or_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert value("username: !env PLANT_USER pumps") == "pumps"
    monkeypatch.setenv("PLANT_USER", "")
    assert value("username: !env PLANT_USER pumps") == "pumps"
    monkeypatch.setenv("PLANT_USER", "north")
    assert value("username: !env PLANT_USER pumps") == "north"
    assert value("username: !env 'PLANT_USER pumps'") == "north"


def test_a_variable_is_no_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANT_USER", "{a: 1} # !include x.yaml")
    assert value("username: !env PLANT_USER") == "{a: 1} # !include x.yaml"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("PLANT_GONE", "the environment variable PLANT_GONE is not set"),
        ("PLANT_EMPTY", "the environment variable PLANT_EMPTY is empty"),
        ("PLANT_LINES", "more than one line of text"),
        ("PLANT_BYTES", "more than one line of text"),
        ("9", "!env takes the name of a variable"),
        ("''", "!env takes the name of a variable"),
    ],
)
def test_a_variable_that_gives_nothing_is_a_problem_at_its_place(
    monkeypatch: pytest.MonkeyPatch, word: str, says: str
) -> None:
    monkeypatch.setenv("PLANT_EMPTY", "")
    monkeypatch.setenv("PLANT_LINES", "a\nb: c")
    monkeypatch.setenv("PLANT_BYTES", "a\udcff")
    problem = missed(f"a: 1\nusername: !env {word}\n")
    assert says in problem.message
    assert (problem.line, problem.column) == (2, 11)


@pytest.mark.parametrize("text", ["!env NAME: 1", "!env NAME", "[!env {a: b}]", "a: !env [x]"])
def test_a_tag_stands_for_a_value_only(text: str) -> None:
    with pytest.raises(BadFileError, match="!env stands for a"):
        parse(text.encode(), FILE)


def test_a_tag_with_a_slip_is_understood() -> None:
    with pytest.raises(BadFileError, match="did you mean '!include'"):
        parse(b"a: !inlcude x.yaml", FILE)


def test_what_the_environment_says_is_in_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT_HUSH", "hunter2")
    for written_as in (
        "limits: {batch: !env PLANT_HUSH}",
        "limits: {batch_messages: !env PLANT_HUSH}",
        "log: {level: !env PLANT_HUSH}",
        "log: !env PLANT_HUSH",
        "exclusions: {both: {of: [!env PLANT_HUSH, pump-7/stop]}}",
        "audit: {checkpoint: !env PLANT_HUSH}",
    ):
        text = GOOD.replace("limits: {batch: 50ms}", written_as)
        text = text.replace("log: {level: info}\n", "") if written_as[:3] == "log" else text
        file = written(tmp_path, text)
        with pytest.raises(BadFileError) as caught:
            load(file)
        assert "hunter2" not in str(caught.value), written_as
        assert all("hunter2" not in str(one) for one in proofread(text.encode(), file))


def test_another_value_is_another_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, GOOD.replace("host: localhost", "host: !env PLANT_HOST"))
    monkeypatch.setenv("PLANT_HOST", "one")
    first = load(file).digest
    monkeypatch.setenv("PLANT_HOST", "two")
    assert load(file).digest != first


def test_what_another_section_names_is_not_missed(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD.replace("{batch: 50ms}", "{batch: !env PLANT_GONE}"))
    assert load_part(file, "gateway", "brokers").gateway_id == "plant-north"


# -- !credential -----------------------------------------------------------------------------------


def test_a_key_that_names_a_file_is_given_the_credentials_path(
    tmp_path: Path, credentials: Path
) -> None:
    (credentials / "mqtt.secret").write_text("hunter2\n")
    text = GOOD.replace("password_file: ttn.secret", "password_file: !credential mqtt.secret")
    broker = load(written(tmp_path, text)).brokers["ttn"]
    assert broker.password_file == str(credentials / "mqtt.secret")


def test_a_user_is_what_the_credential_holds_and_is_hidden(credentials: Path) -> None:
    (credentials / "user").write_text("pumps@ttn\r\n")
    doc = parse(b"username: !credential user\nb: [1]\n", FILE)
    assert plain(doc.root) == {"username": "pumps@ttn", "b": ["1"]}
    assert hidden(doc.root) == {"pumps@ttn"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("username: !credential gone", "there is no credential gone in "),
        ("password_file: !credential gone", "there is no credential gone in "),
        ("username: !credential ../user", "a credential, which is no path"),
        ("username: !credential ..", "a credential, which is no path"),
        ("username: !credential empty", "credential empty is empty"),
        ("username: !credential lines", "more than one line"),
        ("username: !credential bytes", "is not UTF-8"),
        ("host: !credential user", "'host' can be no credential: it is shown in logs"),
        ("[!credential user]", "'' can be no credential"),
    ],
)
def test_a_credential_that_cannot_be_had_is_a_problem_at_its_place(
    credentials: Path, text: str, says: str
) -> None:
    (credentials / "user").write_text("hunter2")
    (credentials / "empty").write_text("\n")
    (credentials / "lines").write_text("hunter2\nhunter3")
    (credentials / "bytes").write_bytes(b"\xff")
    problem = missed(text)
    assert says in problem.message
    assert "hunter" not in str(problem)
    assert problem.column > 1


def test_the_hint_says_how_systemd_gives_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    problem = missed("password_file: !credential mqtt.secret")
    assert "/run/credentials/edge-gateway.service" in problem.message
    assert "LoadCredential=mqtt.secret:" in problem.hint


# -- a received configuration ----------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["!env PLANT_HOST", "!credential user", "!include plant.yaml"])
def test_what_is_received_names_nothing_of_this_machine(
    credentials: Path, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    (credentials / "user").write_text("hunter2")
    monkeypatch.setenv("PLANT_HOST", "hunter2")
    here = parse(b"gateway: {id: north}\n", FILE)
    with pytest.raises(BadFileError) as caught:
        parse_received(f"limits:\n  batch: {tag}\n".encode(), Path("current.yaml"), here)
    (problem,) = caught.value.problems
    assert "no tags" in problem.message
    assert (problem.file, problem.line, problem.column) == ("current.yaml", 2, 10)
