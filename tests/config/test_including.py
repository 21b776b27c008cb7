"""Several files as one: what an included file says, may be, and what is wrong with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import BadFileError, Problem, load, load_part
from gateway.config.document import read
from gateway.config.including import MAX_FILES, MAX_NESTED
from gateway.config.proofread import proofread
from gateway.config.show import plain as shown
from gateway.config.tree import plain
from tests.config.samples import GOOD, written

PUMP = GOOD[GOOD.index("    name: Cooling") : GOOD.index("store:")]
SPLIT = GOOD.replace("\n" + PUMP, " !include parts/pump.yaml\n")


def split(folder: Path, pump: str = PUMP) -> Path:
    """The good file with its asset in a file of its own."""
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts/pump.yaml").write_text(pump)
    return written(folder, SPLIT)


def refused(folder: Path, **files: str) -> tuple[Problem, ...]:
    """What is wrong with ``plant``, which may include the others."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    with pytest.raises(BadFileError) as caught:
        read(folder / "plant.yaml")
    return caught.value.problems


def test_a_file_in_parts_is_the_same_as_a_whole_one(tmp_path: Path) -> None:
    whole = load(written(tmp_path, GOOD))
    parted = load(split(tmp_path))
    assert shown(parted.assets) == shown(whole.assets)
    assert parted.included == (tmp_path / "parts/pump.yaml",)
    assert whole.included == ()


def test_another_line_in_an_included_file_is_another_configuration(tmp_path: Path) -> None:
    first = load(split(tmp_path)).digest
    assert load(split(tmp_path)).digest == first
    assert load(split(tmp_path, PUMP + "    # a remark\n")).digest != first


def test_a_mistake_is_shown_in_the_included_file(tmp_path: Path) -> None:
    with pytest.raises(BadFileError) as caught:
        load(split(tmp_path, PUMP.replace("unit: W", "unnit: W")))
    (problem,) = caught.value.problems
    line = PUMP[: PUMP.index("unit: W")].count("\n") + 1
    assert (problem.file, problem.line) == (str(tmp_path / "parts/pump.yaml"), line)
    shown = str(problem).splitlines()
    assert shown[0].endswith("unknown key 'unnit'; did you mean 'unit'?")
    assert shown[2].index("^") == shown[1].index("unnit")


def test_lists_and_files_in_files_are_included(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "plant.yaml").write_text("a:\n  - !include parts/one.yaml\n  - x\n")
    (tmp_path / "parts/one.yaml").write_text("b: !include two.yml\n")
    (tmp_path / "parts/two.yml").write_text("[1, 2]\n")
    assert plain(read(tmp_path / "plant.yaml").root) == {"a": [{"b": ["1", "2"]}, "x"]}


def test_one_file_may_be_included_twice(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text("a: !include one.yaml\nb: !include one.yaml\n")
    (tmp_path / "one.yaml").write_text("word\n")
    assert plain(read(tmp_path / "plant.yaml").root) == {"a": "word", "b": "word"}


def test_a_file_that_includes_itself_is_refused_with_the_way(tmp_path: Path) -> None:
    (problem,) = refused(
        tmp_path, plant="a: !include one.yaml", one="b: !include two.yaml",
        two="c: !include one.yaml",
    )  # fmt: skip
    assert problem.message == "'one.yaml' includes itself"
    assert problem.hint == "plant.yaml -> one.yaml -> two.yaml -> one.yaml"
    assert (Path(problem.file).name, problem.line, problem.column) == ("two.yaml", 1, 4)
    assert problem.via == (1, 4)


@pytest.mark.parametrize(
    ("word", "says", "hint"),
    [
        ("gone.yaml", "'gone.yaml' cannot be read: No such file", ""),
        ("oone.yaml", "cannot be read", "did you mean 'one.yaml'?"),
        ("../plant.yaml", "is outside", "write its absolute name"),
        ("one.secret", "only .yaml and .yml can be included", ""),
        ("folder.yaml", "is not a file", ""),
        ("empty.yaml", "'empty.yaml' is empty", ""),
        ('""', "takes the name of a file", ""),
        ("[one.yaml]", "!include stands for a word", ""),
    ],
)
def test_what_cannot_be_included_is_named_at_its_place(
    tmp_path: Path, word: str, says: str, hint: str
) -> None:
    (tmp_path / "one.secret").write_text("hush")
    (tmp_path / "folder.yaml").mkdir()
    problems = refused(tmp_path, plant=f"a: 1\nb: !include {word}\n", one="x", empty="\n")
    assert says in problems[0].message
    assert hint in problems[0].hint
    assert (problems[0].line, problems[0].column) == (2, 4)
    assert "hush" not in str(problems[0])


def test_a_pipe_is_no_file_to_wait_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.yaml")
    (problem,) = refused(tmp_path, plant="a: !include one.yaml")
    assert problem.message == "'one.yaml' is not a file"


def test_an_absolute_name_leads_elsewhere_and_its_own_names_stay_there(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "one.yaml").write_text("b: !include two.yaml\n")
    (there / "two.yaml").write_text("word\n")
    (here / "plant.yaml").write_text(f"a: !include {there}/one.yaml\n")
    assert plain(read(here / "plant.yaml").root) == {"a": {"b": "word"}}
    (there / "one.yaml").write_text("b: !include ../here/plant.yaml\n")
    (problem,) = refused(here)
    assert f"is outside {there}" in problem.message


def test_depth_and_number_and_size_are_bounded(tmp_path: Path) -> None:
    chain = {f"n{at}": f"a: !include n{at + 1}.yaml" for at in range(MAX_NESTED + 2)}
    (problem,) = refused(tmp_path, plant="a: !include n0.yaml", **chain)
    assert f"more than {MAX_NESTED} deep" in problem.message
    many = "a:\n" + "  - !include one.yaml\n" * (MAX_FILES + 1)
    assert f"more than {MAX_FILES} files" in refused(tmp_path, plant=many, one="x")[0].message
    big = "a: [" + "!include one.yaml, " * 3 + "]"
    problems = refused(tmp_path, plant=big, one="#" * 400_000 + "\nx\n")
    assert "makes the configuration too large" in problems[0].message
    deep = refused(tmp_path, plant="[" * 20 + "!include one.yaml" + "]" * 20, one="[[[[[x]]]]]")
    assert "nested deeper" in deep[0].message


def test_a_file_that_is_no_yaml_or_no_text_is_named_with_its_place(tmp_path: Path) -> None:
    text = "a: !include one.yaml\nb: &x 1\n"
    problems = refused(tmp_path, plant=text, one="b: 1\nc: [\n")
    assert [(Path(one.file).name, one.line) for one in problems] == [
        ("one.yaml", 3),
        ("plant.yaml", 2),
    ]
    (tmp_path / "one.yaml").write_bytes(b"b: \xff\n")
    problems = refused(tmp_path, plant=text)
    assert (Path(problems[0].file).name, problems[0].line, problems[0].column) == ("one.yaml", 1, 4)
    assert problems[0].via == (1, 4)


def test_what_another_section_includes_keeps_nobody_from_stopping_a_machine(
    tmp_path: Path,
) -> None:
    file = split(tmp_path)
    (tmp_path / "parts/pump.yaml").unlink()
    assert load_part(file, "gateway", "brokers", "store").gateway_id == "plant-north"
    with pytest.raises(BadFileError):
        load(file)


# -- a text that is proofread ----------------------------------------------------------------------


def test_proofreading_reads_included_files_and_tells_where_they_are_included(
    tmp_path: Path,
) -> None:
    file = split(tmp_path, PUMP.replace("unit: W", "unnit: W"))
    done = subprocess.run(
        [sys.executable, "-m", "gateway.config.proofread", str(file)],
        input=file.read_bytes(), capture_output=True, check=True,
    )  # fmt: skip
    (told,) = json.loads(done.stdout)
    row = SPLIT[: SPLIT.index("!include")].count("\n") + 1
    assert (told["line"], told["column"]) == (row, 11)
    assert told["message"].startswith(f"{tmp_path}/parts/pump.yaml:")


def test_a_text_from_elsewhere_opens_no_file_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there.yaml"
    here.mkdir()
    there.write_text("hush: 1\n")
    file = written(here, GOOD)
    text = GOOD.replace("log: {level: info}", f"log: !include {there}")
    (problem,) = proofread(text.encode(), file)
    assert "only from the file itself" in problem.message
    written(here, text)  # the people of the machine named it
    (problem,) = proofread(text.encode(), file)
    assert problem.message == "unknown key 'hush'"
