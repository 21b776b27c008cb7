"""Packages as one .tar: the same answers as for the folder, and nothing but plain files inside."""

import gzip
import io
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.errors import PackageError
from gateway.models.archive import BLOCK, MAX_TAR_BYTES, opened, pack
from gateway.models.files import MAX_FILES
from gateway.models.manifest import load_manifest
from gateway.models.package import unpack, verify
from tests.models import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "package"
    make.write(path, make.linear())
    return path


@pytest.fixture
def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def packed(path: Path, contents: dict[str, bytes]) -> Path:
    pack(contents, path / "x.tar")
    return path / "x.tar"


def refusal(path: Path) -> str:
    with pytest.raises(PackageError) as caught:
        verify(path)
    return str(caught.value)


def test_a_tar_is_the_same_package_as_its_folder(
    folder: Path, contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    there, here = unpack(folder), unpack(tar)
    assert (here[0].manifest, here[1]) == (there[0].manifest, there[1])
    assert load_manifest(tar) == load_manifest(folder)


def test_packing_twice_gives_the_same_bytes(contents: dict[str, bytes], tmp_path: Path) -> None:
    first = packed(tmp_path, contents).read_bytes()
    backwards = dict(reversed(contents.items()))
    assert packed(tmp_path, backwards).read_bytes() == first


@pytest.mark.parametrize("form", ["gnu", "ustar", "v7"])
def test_what_tar_itself_writes_is_read(folder: Path, tmp_path: Path, form: str) -> None:
    words = ["tar", f"--format={form}", "-cf", str(tmp_path / "x.tar"), "-C", str(folder), "."]
    subprocess.run(words, check=True)
    if form == "v7":  # its headers have no magic: anything could be one
        assert "a header that is none" in refusal(tmp_path / "x.tar")
    else:
        verify(tmp_path / "x.tar")


def test_a_missing_and_a_surprising_member_are_named(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    assert "evil.bin: expected no file" in refusal(packed(tmp_path, contents | {"evil.bin": b"x"}))
    del contents["golden.json"]
    assert "golden.json: expected a readable file" in refusal(packed(tmp_path, contents))


def test_an_exchanged_member_is_refused_by_its_hash(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    model = bytearray(contents["model.onnx"])
    model[-1] ^= 1
    tar = packed(tmp_path, contents | {"model.onnx": bytes(model)})
    assert "model.onnx: sha256: expected" in refusal(tar)


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def test_compression_is_refused_outside_and_inside(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(tar.read_bytes()))
    assert "expected nothing compressed, found gzip" in refusal(tmp_path / "x.tar.gz")
    bomb = gzip.compress(bytes(1_000_000))
    tar = packed(tmp_path, contents | {"model.onnx": bomb})
    assert "model.onnx: expected nothing compressed, found gzip" in refusal(tar)


Spoil = Callable[[tarfile.TarFile], None]


def one(name: str, content: bytes = b"x", **fields: object) -> Spoil:
    def spoil(tar: tarfile.TarFile) -> None:
        tar.addfile(member(name, size=len(content), **fields), io.BytesIO(content))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (one("../../etc/cron.d/x"), "a path; a package has no folders"),
        (one("/etc/passwd"), "a path"),
        (one("sub/model.onnx"), "a path"),
        (one(".hidden"), "a path"),
        (one("a\\b"), "a path"),
        (one("manifest.json"), "the same name twice"),
        (one("./manifest.json"), "the same name twice"),
        (one("x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
        (one("x", type=tarfile.LNKTYPE, linkname="model.onnx"), "a hard link"),
        (one("x", type=tarfile.CHRTYPE), "a character device"),
        (one("x", type=tarfile.BLKTYPE), "a block device"),
        (one("x", type=tarfile.FIFOTYPE), "a named pipe"),
        (one("x", type=tarfile.DIRTYPE, content=b""), "a folder"),
        (one("x", type=tarfile.GNUTYPE_SPARSE), "a sparse file"),
        (one("x", type=b"Z"), "no plain file"),
        (one("n" * 120), "a long name"),
        (one("x", pax_headers={"GNU.sparse.major": "1"}), "extended header"),
    ],
)
def test_what_is_no_plain_file_is_refused(
    spoil: Spoil, says: str, contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    form = tarfile.PAX_FORMAT if "extended" in says else tarfile.GNU_FORMAT
    with tarfile.open(tar, "a", format=form) as opened_tar:
        spoil(opened_tar)
    assert says in refusal(tar)


def test_many_members_are_refused(contents: dict[str, bytes], tmp_path: Path) -> None:
    many = {f"file{number}": b"" for number in range(MAX_FILES)}
    assert f"more than {MAX_FILES} members" in refusal(packed(tmp_path, contents | many))


def test_a_member_that_claims_more_than_there_is_is_refused(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    with tarfile.open(tar, "r") as reader:
        last = reader.getmembers()[-1]
    header = member(last.name, size=8 * 2**30 - 1).tobuf(tarfile.USTAR_FORMAT)
    with tar.open("r+b") as file:
        file.seek(last.offset)
        file.write(header)
    assert "expected the whole file" in refusal(tar)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "x.tar").open("wb") as file:
        file.truncate(MAX_TAR_BYTES + 1)
    assert f"expected at most {MAX_TAR_BYTES} bytes" in refusal(tmp_path / "x.tar")


def test_a_linked_tar_is_refused(contents: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "y.tar").symlink_to(packed(tmp_path, contents))
    assert "a symbolic link" in refusal(tmp_path / "y.tar")


def test_a_cut_tar_is_refused_wherever_it_is_cut(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    whole = tar.read_bytes()
    end = len(whole.rstrip(b"\0")) // BLOCK * BLOCK
    for cut in random.Random(3).sample(range(end), 60):
        tar.write_bytes(whole[:cut])
        assert refusal(tar)


def test_a_flipped_bit_is_refused_or_changes_nothing(
    contents: dict[str, bytes], tmp_path: Path
) -> None:
    tar = packed(tmp_path, contents)
    whole, good = tar.read_bytes(), unpack(tar)[1]
    for place in random.Random(4).sample(range(len(whole)), 300):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        tar.write_bytes(flipped)
        with suppress(PackageError):
            assert unpack(tar)[1] == good


def test_a_failed_packing_leaves_what_was_there(contents: dict[str, bytes], tmp_path: Path) -> None:
    tar = packed(tmp_path, contents)
    before = tar.read_bytes()
    with pytest.raises(OSError, match="directory"):
        pack(contents, tmp_path / "nowhere" / "x.tar")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        pack(contents, tmp_path / "folder")
    assert tar.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.tar"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="expected a directory"):
        opened(tmp_path / "nowhere").names()


def test_copies_do_not_matter(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert verify(tmp_path / "copy").hashes == verify(folder).hashes
