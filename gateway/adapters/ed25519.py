"""Ed25519 (RFC 8032), by the OpenSSL that Python's own ``ssl`` has loaded already.

``cryptography`` brings a second OpenSSL, which costs 9 MiB of memory for good; it stands in where
libcrypto cannot be found, as in a Python that was linked statically. Both give the same signatures.

Prototypes: EVP_PKEY_new(3), EVP_DigestSignInit(3) and EVP_DigestVerifyInit(3) of OpenSSL 3.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

SECRET_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
LIBRARY: Final = "libcrypto.so.3"
_ED25519: Final = 1087
"""NID_ED25519 of OpenSSL's obj_mac.h."""
_POINTER, _BYTES, _SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
_LENGTH = ctypes.POINTER(_SIZE)
_FROM_RAW = (_POINTER, (ctypes.c_int, _POINTER, _BYTES, _SIZE))
_BEGIN = (ctypes.c_int, (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER))
_PROTOTYPES: Final = {
    "EVP_PKEY_new_raw_private_key": _FROM_RAW,
    "EVP_PKEY_new_raw_public_key": _FROM_RAW,
    "EVP_PKEY_get_raw_public_key": (ctypes.c_int, (_POINTER, _BYTES, _LENGTH)),
    "EVP_PKEY_free": (None, (_POINTER,)),
    "EVP_MD_CTX_new": (_POINTER, ()),
    "EVP_MD_CTX_free": (None, (_POINTER,)),
    "EVP_DigestSignInit": _BEGIN,
    "EVP_DigestSign": (ctypes.c_int, (_POINTER, _BYTES, _LENGTH, _BYTES, _SIZE)),
    "EVP_DigestVerifyInit": _BEGIN,
    "EVP_DigestVerify": (ctypes.c_int, (_POINTER, _BYTES, _SIZE, _BYTES, _SIZE)),
    "ERR_clear_error": (None, ()),
}


def public_of(secret: bytes) -> bytes:
    """The public key of a secret one."""
    _check(secret, SECRET_BYTES)
    if (lib := openssl()) is None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    found, size = ctypes.create_string_buffer(PUBLIC_BYTES), _SIZE(PUBLIC_BYTES)
    with _key(lib, lib.EVP_PKEY_new_raw_private_key, secret) as key:
        _must(lib.EVP_PKEY_get_raw_public_key(key, found, ctypes.byref(size)))
    return found.raw


def sign(secret: bytes, content: bytes) -> bytes:
    """The signature of a secret key over bytes."""
    _check(secret, SECRET_BYTES)
    if (lib := openssl()) is None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(secret).sign(content)
    made, size = ctypes.create_string_buffer(SIGNATURE_BYTES), _SIZE(SIGNATURE_BYTES)
    with _key(lib, lib.EVP_PKEY_new_raw_private_key, secret) as key, _context(lib) as context:
        _must(lib.EVP_DigestSignInit(context, None, None, None, key))
        _must(lib.EVP_DigestSign(context, made, ctypes.byref(size), content, len(content)))
    return made.raw


def holds(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether a signature is by this public key over these bytes."""
    _check(public, PUBLIC_BYTES)
    _check(signature, SIGNATURE_BYTES)
    if (lib := openssl()) is None:
        return _holds_elsewhere(public, signature, content)
    with _key(lib, lib.EVP_PKEY_new_raw_public_key, public) as key, _context(lib) as context:
        _must(lib.EVP_DigestVerifyInit(context, None, None, None, key))
        found = lib.EVP_DigestVerify(context, signature, len(signature), content, len(content))
        return bool(found == 1)


def _holds_elsewhere(public: bytes, signature: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True


@cache
def openssl() -> ctypes.CDLL | None:
    """The library, if it is there and has all that is called."""
    try:
        lib = ctypes.CDLL(LIBRARY)
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return lib


@contextmanager
def _key(lib: ctypes.CDLL, make: "ctypes._NamedFuncPointer", raw: bytes) -> Iterator[int]:
    key = make(_ED25519, None, raw, len(raw))
    try:
        _must(key)
        yield key
    finally:
        lib.EVP_PKEY_free(key)
        lib.ERR_clear_error()  # the queue of this thread, which ssl reads, too


@contextmanager
def _context(lib: ctypes.CDLL) -> Iterator[int]:
    context = lib.EVP_MD_CTX_new()
    try:
        _must(context)
        yield context
    finally:
        lib.EVP_MD_CTX_free(context)


def _must(done: int | None) -> None:
    if not done or done < 0:
        raise ValueError("OpenSSL refuses the key")


def _check(raw: bytes, size: int) -> None:
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes, not {size}")
