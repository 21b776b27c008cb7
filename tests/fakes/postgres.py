"""A real PostgreSQL server on a port of its own, which can be killed and started again."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until


def _programs() -> Path | None:
    """The folder of the newest server there is; Debian has one folder for each version."""
    found = [Path(folder) for folder in (shutil.which("initdb"),) if folder]
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    return (debian or found)[-1].parent if debian or found else None


PROGRAMS = _programs()
PASSWORD = "let us in"


def _as_user() -> Mapping[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    with_account = [name for name in ("postgres", "nobody") if _account(name)]
    account = pwd.getpwnam(with_account[0])
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class Postgres:
    """One server on loopback; user ``edge``, database ``edge``, password ``PASSWORD``."""

    def __init__(self, *options: str) -> None:
        """``name=value`` of postgresql.conf; nothing is started yet."""
        assert PROGRAMS is not None
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._user = _as_user()
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self.password_file = self.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.password_file.chmod(0o644)
        self._options = [word for option in options for word in ("-c", option)]
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb",
            "--no-sync",
            "--username=edge",
            f"--pwfile={self.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            f"--pgdata={self.folder / 'data'}",
        )

    def secure(self, certificate: Path, key: Path) -> "Postgres":
        """Speak TLS, from the next start."""
        for file, name in ((certificate, "server.crt"), (key, "server.key")):
            copy = self.folder / "data" / name
            shutil.copy(file, copy)
            copy.chmod(0o600)
            if self._user:
                os.chown(copy, self._user["user"], self._user["group"])
        self._options += ["-c", "ssl=on"]
        return self

    def start(self) -> "Postgres":
        """Start it and wait until it lets people in."""
        wait_until(self._started, f"postgres lets us in, see {self.folder}/log")
        return self

    def _started(self) -> bool:
        """After a kill it may refuse for a moment, until the last of its children is gone."""
        assert PROGRAMS is not None
        if self._process is None or self._process.poll() is not None:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        PROGRAMS / "postgres",
                        *("-D", self.folder / "data", "-p", str(self.port)),
                        *("-k", self.folder, "-c", "listen_addresses=127.0.0.1"),
                        *self._options,
                    ],
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    **self._user,
                )
        ready = ["-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres"]
        return subprocess.run([PROGRAMS / "pg_isready", *ready], check=False).returncode == 0

    def make_database(self) -> "Postgres":
        self.ask("CREATE DATABASE edge", database="postgres")
        return self

    def ask(self, query: str, *values: object, database: str = "edge") -> list[tuple[Any, ...]]:
        """What the server says, to its administrator."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="edge",
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        ) as connection:
            done = connection.execute(query.encode(), values or None)
            return done.fetchall() if done.description else []

    def kill(self) -> None:
        """End every process of it, at once."""
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        pids = [self._process.pid, *map(int, children.read_text().split())]
        for pid in pids:
            _send(pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT: immediate, SIGINT: fast."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def freeze(self, *, on: bool) -> None:
        """Stop it, or let it go on, as if the machine had."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in [self._process.pid, *map(int, children.read_text().split())]:
            _send(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        assert PROGRAMS is not None
        done = subprocess.run(
            [PROGRAMS / program, *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            **self._user,
        )
        assert done.returncode == 0, done.stderr


def _send(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return
