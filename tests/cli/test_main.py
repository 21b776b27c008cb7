"""Exit codes, errors and completion, of the whole program as a process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS
from tests.fakes.daemon import pump
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs/exit-codes.md").read_text()
PROGRAM = [sys.executable, "-m", "gateway"]


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words], capture_output=True, text=True, check=False, env=os.environ | env
    )


def test_the_page_has_every_command_once() -> None:
    table = PAGE.partition("| command |")[2].partition("\n## ")[0]
    named = [name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
             for name in re.findall(r"`([a-z-]+)`", row)]  # fmt: skip
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["--version"]),
        (0, ["completion", "bash"]),
        (0, ["check", "FILE"]),
        (2, ["check", "no/such/file"]),
        (2, ["check", "--colour"]),
        (2, ["chek"]),
        (2, ["completion", "ksh"]),
        (1, ["status", "--config", "FILE"]),
        (1, ["query", "SELECT 1", "--config", "FILE"]),
        (1, ["doctor", "--config", "FILE", "--wait", "0.2"]),
        (1, ["devices", "--config", "FILE", "--wait", "0.2"]),
        (1, ["tail", "--config", "FILE"]),
    ],
)
def test_exit_codes_are_as_documented(tmp_path: Path, code: int, words: list[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(free_port()))
    done = run(*(str(file) if word == "FILE" else word for word in words))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(free_port()))
    words = ["doctor", "--config", str(file), "--wait", "60"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([*PROGRAM, *words], stdout=out, stderr=out)
    wait_until(lambda: "MiB free" in (tmp_path / "out").read_text(), "it is at work")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "Traceback" not in (tmp_path / "out").read_text()


def test_a_typo_is_answered_with_the_right_word() -> None:
    assert "'status'" in run("statsu").stderr


@pytest.mark.parametrize("asked", [False, True])
def test_a_mistake_of_ours_is_a_line_unless_more_is_asked(asked: bool) -> None:
    """There is no known one, so one is made."""
    broken = (
        "import sys; from gateway.cli import main, completion\n"
        "completion.get_completion_class = lambda shell: 1 / 0\n"
        f"sys.argv = ['edge-gateway', *{['--traceback'] * asked}, 'completion', 'bash']\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) is asked
    assert "ZeroDivisionError" in done.stderr


def test_what_the_system_refuses_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = run("decode", "--bridge", "json", "--topic", "a/b", str(tmp_path / "folder"))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    assert "_EDGE_GATEWAY_COMPLETE" in run("completion", shell).stdout
    word = "support" if shell == "fish" else "1"
    env = {"_EDGE_GATEWAY_COMPLETE": f"{shell}_complete", "COMP_CWORD": word}
    assert "support-bundle" in run(COMP_WORDS="edge-gateway support", **env).stdout
