from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import events
from gateway.config.document import MAX_BYTES, parse, read
from gateway.config.events import MAX_DEPTH
from gateway.config.problems import BadFileError
from gateway.config.tree import plain

FILE = Path("plant.yaml")


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers must say the same; a build without libyaml has only the second."""
    loader = yaml.CBaseLoader if request.param == "libyaml" else yaml.BaseLoader
    monkeypatch.setattr(events, "_Loader", loader)


def tree(text: str) -> object:
    return plain(parse(text.encode(), FILE).root)


def refusal(text: str | bytes) -> BadFileError:
    with pytest.raises(BadFileError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), FILE)
    return caught.value


@pytest.mark.parametrize(
    "word",
    ["ON", "OFF", "yes", "no", "~", "null", "0x00158d00018255df", "0101010101010101", "017", "1e3",
     "12:34", "12:34:56:12:34:56", "3.10", "2024-05-01", "0b1", "1_000", ".inf", "=", "true"],
)  # fmt: skip
def test_a_scalar_stays_what_was_written(word: str) -> None:
    assert tree(f"a: {word}") == {"a": word}
    assert tree(f"{word}: a") == {word: "a"}


def test_keys_and_values_know_their_place() -> None:
    doc = parse(b"a:\n  b: 1\n  c: [x, 'y']\n", FILE)
    at = doc.problem
    assert (at(("a",), "").line, at(("a",), "").column) == (1, 1)
    assert (at(("a", "b"), "").line, at(("a", "b"), "").column) == (2, 6)
    assert (at(("a", "b"), "", key=True).line, at(("a", "b"), "", key=True).column) == (2, 3)
    assert (at(("a", "c", 1), "").line, at(("a", "c", 1), "").column) == (3, 10)
    assert at(("a", "c", 1), "", offset=1).column == 11 + 1
    assert (at(("a", "gone", "x"), "").line, at(("a", "gone"), "").column) == (1, 1)


def test_an_offset_into_a_folded_text_stays_at_its_start() -> None:
    doc = parse(b"a: >\n  one\n  two three\n", FILE)
    assert doc.problem(("a",), "", offset=6).line == 1


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a'; the first is in line 1"),
        ("a: {x: 1, x: 2}\n", 1, 11, "duplicate key 'x'"),
        ("a: &x 1\n", 1, 4, "anchors"),
        ("a: *x\n", 1, 4, "aliases"),
        ("a:\n  <<: {b: 1}\n", 2, 3, "merge keys"),
        ("a: !!python/object:os.system x\n", 1, 4, "tags"),
        ("a: !x 1\n", 1, 4, "tags"),
        ("? [a]\n: b\n", 1, 3, "a key must be a word"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("a: [1, 2\nb: 3\n", 2, 2, "not YAML"),
        ("a: 'open\n", 2, 1, "not YAML"),
        ("a: b: c\n", 1, 5, "not YAML"),
    ],
)
def test_what_yaml_allows_and_we_do_not_is_named_at_its_place(
    text: str, line: int, column: int, says: str
) -> None:
    first = refusal(text).problems[0]
    assert (first.line, first.column) == (line, column)
    assert says in first.message


def test_every_problem_is_reported_at_once() -> None:
    error = refusal("a: &x 1\nb: *x\na: 2\nc: !t 3\n")
    assert [problem.line for problem in error.problems] == [1, 2, 3, 4]
    assert str(error).endswith("4 problems")


def test_a_problem_shows_its_line_and_a_caret_under_it() -> None:
    assert str(refusal("pump:\n  stop: *x\n")).splitlines()[:3] == [
        "plant.yaml:2:9: aliases are not supported",
        "      stop: *x",
        "            ^",
    ]


def test_text_that_is_not_utf8_is_named_at_its_place() -> None:
    first = refusal(b"a: 1\nb: \xff\n").problems[0]
    assert (first.line, first.column, first.message) == (2, 4, "not UTF-8")


@pytest.mark.parametrize("data", [b"a: \x00b", b"a: \x07", b"\x00"])
def test_control_characters_are_refused(data: bytes) -> None:
    assert "not YAML" in str(refusal(data))


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1\n", FILE).root) == {"a": "1"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_an_empty_tree(text: str) -> None:
    assert tree(text) in ({}, None)


@pytest.mark.parametrize("opener", ["[", "{a: ", "- "])
def test_depth_is_bounded(opener: str) -> None:
    error = refusal(opener * 100_000)
    assert f"nested deeper than {MAX_DEPTH}" in error.problems[0].message


def test_a_billion_laughs_are_refused_before_they_are_told() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for now, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]")
    error = refusal("\n".join(lines))
    assert "anchors are not supported" in error.problems[0].message


def test_a_file_beyond_the_size_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadFileError, match="larger than"):
        read(file)
    assert "larger than" in str(refusal(b"#" * (MAX_BYTES + 1)))


@pytest.mark.parametrize("name", ["absent.yaml", ".", "nul\0l.yaml"])
def test_a_file_that_cannot_be_read_is_a_problem_of_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFileError, match="cannot be read"):
        read(tmp_path / name)


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t", max_size=80))
def test_any_bytes_are_a_tree_or_a_bad_file(data: bytes | str) -> None:
    try:
        plain(parse(data if isinstance(data, bytes) else data.encode(), FILE).root)
    except BadFileError as error:
        shown = str(error)
        assert shown.startswith("plant.yaml")
