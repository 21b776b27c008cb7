"""Signatures: only the manifest that was signed, by the key that is trusted, passes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.errors import PackageError
from gateway.models import signature
from gateway.models.package import Package, unpack, verify
from gateway.models.seal import seal
from tests.models import make

KEYS, OTHER = signature.generate(), signature.generate()
TRUST, STRANGER = KEYS.public.decode(), OTHER.public.decode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    signature.write(KEYS, tmp_path / "k.key", tmp_path / "k.pub")
    return tmp_path / "k.key"


@pytest.fixture
def package(tmp_path: Path, secret: Path) -> Path:
    folder = tmp_path / "package"
    make.write(folder, make.linear())
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.sig").write_bytes(signature.sign(manifest, secret))
    return folder


def refusal(package: Path, trust: str = TRUST) -> str:
    with pytest.raises(PackageError) as caught:
        verify(package, trust)
    return str(caught.value)


def test_a_signed_package_is_good_and_says_by_whom(package: Path) -> None:
    found: Package = verify(package, TRUST)
    assert found.trust == TRUST
    assert signature.fingerprint(TRUST).startswith("ed25519:")


def test_an_unsigned_package_is_refused_only_where_a_signature_is_asked_for(package: Path) -> None:
    (package / "manifest.sig").unlink()
    verify(package)
    assert "manifest.sig: expected a signature by ed25519:" in refusal(package)
    assert "found none" in refusal(package)


def test_a_signature_by_another_key_is_refused(package: Path) -> None:
    assert "one by another key" in refusal(package, STRANGER)


def test_one_changed_byte_of_the_manifest_breaks_the_signature(package: Path) -> None:
    content = (package / "manifest.json").read_bytes()
    (package / "manifest.json").write_bytes(content + b" ")
    verify(package)  # still a good manifest
    assert "over another manifest.json" in refusal(package)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(package: Path, length: int) -> None:
    (package / "manifest.sig").write_bytes(b"x" * length)
    assert f"found {length} bytes, not 64" in refusal(package)


def test_a_signed_manifest_still_has_to_match_its_files(package: Path) -> None:
    (package / "model.onnx").write_bytes(b"x" * (package / "model.onnx").stat().st_size)
    assert "model.onnx: sha256: expected" in refusal(package)


def test_nothing_in_an_unsigned_manifest_is_read(package: Path) -> None:
    (package / "manifest.json").write_text("{")
    assert refusal(package).startswith("manifest.sig: ")


def test_sealing_again_takes_the_old_signature_away(package: Path) -> None:
    _, contents = unpack(package)
    assert contents
    seal(package, make.document(make.linear()))
    assert not (package / "manifest.sig").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_key_that_others_can_read_signs_nothing(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(PackageError, match=r"only its owner can read.*chmod 600"):
        signature.sign(b"", secret)


def test_keys_are_written_for_their_owner_and_never_over_others(secret: Path) -> None:
    assert secret.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        signature.write(OTHER, secret, secret.with_name("new.pub"))
    with pytest.raises(FileExistsError):
        signature.write(OTHER, secret.with_name("new.key"), secret.with_name("k.pub"))
    assert secret.read_bytes() == KEYS.secret


def test_what_is_no_public_key_is_refused(tmp_path: Path, secret: Path) -> None:
    exchange = X25519PrivateKey.generate().public_key()
    foreign = exchange.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    file = tmp_path / "wrong.pub"
    for content, says in [
        (b"", "expected an Ed25519 public key"),
        (b"\xff" * 80, "expected an Ed25519 public key"),
        (foreign, "found X25519PublicKey"),
        (KEYS.secret, "found a secret key, which belongs on no gateway"),
    ]:
        file.write_bytes(content)
        with pytest.raises(PackageError, match=says):
            signature.public_key(file)
    public = tmp_path / "k.pub"
    public.chmod(0o600)
    with pytest.raises(PackageError, match="expected an Ed25519 secret key"):
        signature.sign(b"", public)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_agrees(package: Path, secret: Path) -> None:
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(secret.with_name("k.pub"))]
    words += ["-rawin", "-in", "manifest.json", "-sigfile", "manifest.sig"]
    subprocess.run(words, cwd=package, check=True, capture_output=True)
