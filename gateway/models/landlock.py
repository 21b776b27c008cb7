"""No file can be opened or changed any more, and no TCP port reached: landlock(7).

Numbers and structures: linux/landlock.h of Linux 6.12; the calls have one number everywhere.
"""

import ctypes
import os
import struct
from typing import Final

_CREATE, _RESTRICT = 444, 446
_VERSION: Final = 1
_FILES: Final = (1 << 13) - 1
"""Execute, write, read, list, remove, make: what version 1 knows of files."""
_FILES_SINCE: Final = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Move between folders, truncate, control devices."""
_NET_SINCE: Final = 4
_NET: Final = 3
"""Bind and connect TCP."""
_SCOPES_SINCE: Final = 6
_SCOPES: Final = 3
"""Abstract unix sockets of others, signals to others."""


def close_files() -> str:
    """Take every right to files from this thread, for good: there is no exception.

    What is open stays open. ``no_new_privs`` must be set. Other threads of this process keep what
    they have: seccomp covers them.

    Returns:
        what it is called, with its version; empty where the kernel has none.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version: int = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return ""
    files = _FILES | sum(bit for since, bit in _FILES_SINCE.items() if version >= since)
    rights = struct.pack("=Q", files)
    if version >= _NET_SINCE:
        rights += struct.pack("=Q", _NET)
    if version >= _SCOPES_SINCE:
        rights += struct.pack("=Q", _SCOPES)
    held = ctypes.create_string_buffer(rights, len(rights))
    rules: int = libc.syscall(_CREATE, ctypes.byref(held), ctypes.c_size_t(len(rights)), 0)
    if rules < 0:
        return ""
    done: int = libc.syscall(_RESTRICT, rules, 0)
    os.close(rules)
    return f"landlock {version}" if done == 0 else ""
