"""What a new user has in hand: the README with the pages it links, and a wheel."""

import re
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

NO_INDEX = 3
"""Exit code of a walk that pip could not begin."""
COMMON = "click"
"""Every package index has it, and we need it."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+\.md)[^)]*\)")
PARTS = ("gateway", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
OWN = ("edge-gateway", "pip", "python3")


class Book:
    """The README, and the pages it links."""

    def __init__(self, root: Path) -> None:
        self.readme = (root / "README.md").read_text()
        linked = {root / name for name in LINK.findall(self.readme) if "://" not in name}
        self.leaving = (root / "docs/install.md").read_text()
        self.pages = [self.readme, *(page.read_text() for page in sorted(linked))]

    def must_name(self, line: str) -> None:
        """The command stands in the README, and each option there or on one page it links."""
        if gaps := self.gaps(line):
            raise SystemExit(f"{line}\nno page names {', '.join(gaps)}")

    def gaps(self, line: str) -> list[str]:
        """What of a command line is not named."""
        words = shlex.split(line)
        assert words[0] in OWN, line
        head = _head(words)
        flags = [word for word in words if word.startswith("--")]
        said = [one for page in self.pages for one in spoken(page) if one.startswith(head)]
        missing = [] if any(one.startswith(head) for one in spoken(self.readme)) else [head]
        around = [page for page in self.pages if head in page]
        return missing + [
            flag
            for flag in flags
            if not any(flag in one.split() for one in said)
            and not any(f"`{flag}" in page for page in around)
        ]

    def named(self, file: str) -> bool:
        """The page about taking it off names the file that is left."""
        return f"`{file}`" in self.leaving


def _head(words: list[str]) -> str:
    """``edge-gateway init``, ``pip install``, ``python3 -m venv``: what a command line is about."""
    if words[0] == "python3":
        return " ".join(words[:3])
    return words[0] if words[1].startswith("--") else " ".join(words[:2])


def spoken(page: str) -> list[str]:
    """Every command line of a page."""
    return [
        words.strip() for own in OWN for words in re.findall(rf"(?<![\w/-])({own} [^`\n]*)", page)
    ]


def copied(root: Path, folder: Path) -> Path:
    """The source in a folder of its own, since a build leaves things behind."""
    folder.mkdir(parents=True)
    packed = folder / "source.tar"
    with tarfile.open(packed, "w") as tar:
        for part in PARTS:
            tar.add(
                root / part, part, filter=lambda one: None if "__pycache__" in one.name else one
            )
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    packed.unlink()
    return folder


def numbered(source: Path, number: str) -> Path:
    """The same source under another number."""
    for name, pattern in (
        ("setup.cfg", r"(?m)^version = .*$"),
        ("gateway/__init__.py", r"(?m)^__version__.*$"),
    ):
        file = source / name
        line = f"version = {number}" if name == "setup.cfg" else f'__version__ = "{number}"'
        text, count = re.subn(pattern, line, file.read_text())
        assert count == 1, name
        file.write_text(text)
    return source


def _builds() -> bool:
    """Whether what builds wheels is here already."""
    try:
        return int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        return False


def must_reach_index(env: Mapping[str, str]) -> None:
    """Fetch what no index lacks; where there is none the walk ends here, which is no failure."""
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pip", "--quiet", "--retries", "1", "--timeout", "15"]
        words += ["download", "--no-deps", "--dest", folder, COMMON]
        asked = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if asked.returncode:
        print(f"needs a package index: {asked.stderr[-300:].strip()}", file=sys.stderr)
        raise SystemExit(NO_INDEX)


def wheel(source: Path) -> Path:
    """Build it, as the README says."""
    words = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "-w", "dist", "."]
    words += ["--no-build-isolation"] if _builds() else []  # saves fetching setuptools
    built = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
    if built.returncode:
        raise SystemExit(built.stdout + built.stderr)
    (found,) = (source / "dist").glob("*.whl")
    return found
