"""Ed25519 by the OpenSSL that is there: the same keys and signatures as everywhere."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.adapters import ed25519

SECRETS = st.binary(min_size=32, max_size=32)
WAYS = ["libcrypto.so.3", "libcrypto.so.none"]
SAME = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=WAYS, ids=["openssl", "cryptography"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(ed25519, "LIBRARY", request.param)
    ed25519.openssl.cache_clear()
    if request.param == WAYS[0] and ed25519.openssl() is None:
        pytest.skip("this machine has no libcrypto.so.3")
    yield request.param
    ed25519.openssl.cache_clear()


# RFC 8032, section 7.1, TEST 1 and TEST 3: secret, public, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vectors_of_the_rfc_hold(way: str, vector: tuple[str, str, str, str]) -> None:
    secret, public, content, signature = map(bytes.fromhex, vector)
    assert ed25519.public_of(secret) == public
    assert ed25519.sign(secret, content) == signature
    assert ed25519.holds(public, signature, content)
    assert not ed25519.holds(public, signature, content + b"x")


@SAME
@given(secret=SECRETS, content=st.binary(max_size=4_096))
def test_it_signs_as_cryptography_does(way: str, secret: bytes, content: bytes) -> None:
    theirs = Ed25519PrivateKey.from_private_bytes(secret)
    assert ed25519.public_of(secret) == theirs.public_key().public_bytes_raw()
    assert ed25519.sign(secret, content) == theirs.sign(content)


@SAME
@given(public=SECRETS, signature=st.binary(min_size=64, max_size=64), content=st.binary())
def test_it_refuses_what_cryptography_refuses(
    way: str, public: bytes, signature: bytes, content: bytes
) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
        theirs = True
    except (InvalidSignature, ValueError):
        theirs = False
    try:
        ours = ed25519.holds(public, signature, content)
    except ValueError:
        ours = False
    assert ours is theirs


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_no_key(way: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes, not 32"):
        ed25519.sign(bytes(size), b"x")
    with pytest.raises(ValueError, match=f"{size} bytes, not 32"):
        ed25519.holds(bytes(size), bytes(64), b"x")


def test_signing_loads_no_second_openssl() -> None:
    if ed25519.openssl() is None:
        pytest.skip("this machine has no libcrypto.so.3")
    code = (
        "import sys, tempfile, pathlib\n"
        "from gateway.adapters import signing\n"
        "place = pathlib.Path(tempfile.mkdtemp()) / 'audit.key'\n"
        "signing.own(place); key, _ = signing.own(place)\n"
        "assert signing.holds(b'x', key.sign(b'x'), key.public)\n"
        "print('cryptography' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
