"""What the worker may no longer ask of the kernel, once its imports are done: seccomp(2).

A list of what is refused, not of what is allowed: a C library or onnxruntime that uses a call that
we do not know goes on working, on whichever machine. Under systemd the unit's own list of what is
allowed holds besides. Numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (arm64), Linux 6.12.
Layout of the program and of ``struct seccomp_data``: seccomp(2), linux/filter.h.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator, Mapping
from typing import Final

_BOTH: Final = (
    "pidfd_send_signal 424,io_uring_setup 425,io_uring_enter 426,io_uring_register 427,"
    "open_tree 428,move_mount 429,fsopen 430,fsconfig 431,fsmount 432,fspick 433,pidfd_open 434,"
    "openat2 437,pidfd_getfd 438,mount_setattr 442,memfd_secret 447,fchmodat2 452"
)
"""Newer calls have one number everywhere."""
_X86_64: Final = (
    # the network, and whoever listens on this machine
    "socket 41,connect 42,accept 43,sendmsg 46,bind 49,listen 50,socketpair 53,accept4 288,"
    "sendmmsg 307,"
    # other programs and processes
    "fork 57,vfork 58,execve 59,ptrace 101,rt_sigqueueinfo 129,tkill 200,"
    "rt_tgsigqueueinfo 297,process_vm_readv 310,process_vm_writev 311,execveat 322,"
    # the file system
    "open 2,truncate 76,chdir 80,fchdir 81,rename 82,mkdir 83,rmdir 84,creat 85,link 86,unlink 87,"
    "symlink 88,readlink 89,chmod 90,fchmod 91,chown 92,fchown 93,lchown 94,mknod 133,setxattr 188,"
    "lsetxattr 189,fsetxattr 190,removexattr 197,lremovexattr 198,fremovexattr 199,openat 257,"
    "mkdirat 258,mknodat 259,fchownat 260,unlinkat 263,renameat 264,linkat 265,symlinkat 266,"
    "readlinkat 267,fchmodat 268,utimensat 280,fanotify_init 300,name_to_handle_at 303,"
    "open_by_handle_at 304,renameat2 316,memfd_create 319,"
    # memory shared with others, and what kernels were broken by
    "shmget 29,shmat 30,semget 64,msgget 68,personality 135,pivot_root 155,chroot 161,mount 165,"
    "umount2 166,init_module 175,mq_open 240,add_key 248,request_key 249,keyctl 250,unshare 272,"
    "perf_event_open 298,setns 308,finit_module 313,bpf 321,userfaultfd 323"
)
_AARCH64: Final = (
    "socket 198,connect 203,accept 202,sendmsg 211,bind 200,listen 201,socketpair 199,accept4 242,"
    "sendmmsg 269,"
    "execve 221,ptrace 117,rt_sigqueueinfo 138,tkill 130,rt_tgsigqueueinfo 240,"
    "process_vm_readv 270,process_vm_writev 271,execveat 281,"
    "truncate 45,chdir 49,fchdir 50,fchmod 52,fchown 55,setxattr 5,lsetxattr 6,fsetxattr 7,"
    "removexattr 14,lremovexattr 15,fremovexattr 16,openat 56,mkdirat 34,mknodat 33,fchownat 54,"
    "unlinkat 35,renameat 38,linkat 37,symlinkat 36,readlinkat 78,fchmodat 53,utimensat 88,"
    "fanotify_init 262,name_to_handle_at 264,open_by_handle_at 265,renameat2 276,memfd_create 279,"
    "shmget 194,shmat 196,semget 190,msgget 186,personality 92,pivot_root 41,chroot 51,mount 40,"
    "umount2 39,init_module 105,mq_open 180,add_key 217,request_key 218,keyctl 219,unshare 97,"
    "perf_event_open 241,setns 268,finit_module 273,bpf 280,userfaultfd 282"
)


def _numbers(words: str) -> Mapping[str, int]:
    pairs = (word.split() for word in words.split(","))
    return {name: int(number) for name, number in pairs}


REFUSED: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": _numbers(f"{_X86_64},{_BOTH}"),
    "aarch64": _numbers(f"{_AARCH64},{_BOTH}"),
}
"""Per machine the calls that are refused, name -> number."""
THREADS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {"seccomp": 317, "clone": 56, "kill": 62, "tgkill": 234, "clone3": 435},
    "aarch64": {"seccomp": 277, "clone": 220, "kill": 129, "tgkill": 131, "clone3": 435},
}
"""Calls that are refused but for ourselves, and the one that installs all this."""

_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32: Final = 0x40000000
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # offsets in struct seccomp_data; its low half
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_CLONE_THREAD: Final = 0x00010000
_SET_MODE_FILTER, _TSYNC = 1, 1


def refuse() -> str:
    """Refuse the calls, in all threads, for good; what it is called, or empty where it cannot be.

    A refused call fails with EACCES (EPERM would do; but that is what a lack of rights says of
    files). ``no_new_privs`` must be set.
    """
    machine = platform.machine()
    if machine not in REFUSED:
        return ""
    steps = b"".join(_program(machine, os.getpid()))
    code = ctypes.create_string_buffer(steps, len(steps))
    program = struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(code))
    held = ctypes.create_string_buffer(program, len(program))
    libc = ctypes.CDLL(None, use_errno=True)
    number = THREADS[machine]["seccomp"]
    done: int = libc.syscall(number, _SET_MODE_FILTER, _TSYNC, ctypes.byref(held))
    return "seccomp" if done == 0 else ""


def _program(machine: str, pid: int) -> Iterator[bytes]:
    """The filter: eight bytes per step; jumps count the steps that are left out."""
    own = THREADS[machine]
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, _AUDIT[machine], yes=1)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER)
    if machine == "x86_64":  # the same calls under other numbers
        yield _step(_AT_LEAST, _X32, no=1)
        yield _step(_RETURN, _KILL)
    for number in REFUSED[machine].values():
        yield _step(_EQUAL, number, no=1)
        yield _step(_RETURN, _ERRNO | errno.EACCES)
    # Its flags lie in memory, which a filter cannot see; glibc then asks clone, whose do not.
    yield _step(_EQUAL, own["clone3"], no=1)
    yield _step(_RETURN, _ERRNO | errno.ENOSYS)
    yield _step(_EQUAL, own["clone"], no=4)
    yield _step(_LOAD, _FIRST)
    yield _step(_ANY_BIT, _CLONE_THREAD, yes=1)
    yield _step(_RETURN, _ERRNO | errno.EACCES)
    yield _step(_RETURN, _ALLOW)
    yield _step(_EQUAL, own["kill"], yes=1)  # abort() is a signal to oneself
    yield _step(_EQUAL, own["tgkill"], no=3)
    yield _step(_LOAD, _FIRST)
    yield _step(_EQUAL, pid, yes=1)
    yield _step(_RETURN, _ERRNO | errno.EACCES)
    yield _step(_RETURN, _ALLOW)


def _step(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, operand)
