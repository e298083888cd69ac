"""A wire between a program and a server it talks to, that a test can make slow, silent or cut.

It is a TCP proxy on a loopback port of its own: give the program `wire.port` instead of the server's. It runs in a
thread with its own event loop, so tests of real processes and tests inside an event loop use it alike; when a method
returns, it holds.

    with Wire(target_port) as wire:
        wire.delay(0.2)     # every byte takes that long, each way
        wire.hold()         # nothing gets through; connections stay up and nobody is told
        wire.cut()          # every open connection is reset, new ones are still taken
        wire.drop_new()     # a new connection is reset at once, open ones live on
        wire.down()         # both: as if the server were gone
        wire.heal()         # as if nothing had been
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

HOST = "127.0.0.1"
_CHUNK = 65_536
_IN_FLIGHT = 64  # chunks under way in one direction; then the sender is held up, as on a real wire
_ANSWER_SECONDS = 30.0
Answer = TypeVar("Answer")
# What a connection that was cut, or whose far end went away, says.
_BROKEN = (ConnectionError, OSError, asyncio.IncompleteReadError)


class Wire:
    """`accepted` connections since the start and `dropped` of them; `open` at this moment."""

    def __init__(self, target_port: int, target_host: str = HOST, *, port: int = 0) -> None:
        self.target = (target_host, target_port)
        self.port = port
        self.accepted = 0
        self.dropped = 0
        self._seconds = 0.0
        self._dropping = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> Self:
        listening = socket.create_server((HOST, self.port))
        self.port = int(listening.getsockname()[1])
        self._thread.start()
        self._wait(self._listen(listening))
        return self

    def stop(self) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_SECONDS)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def open(self) -> int:
        return len(self._pairs)

    def delay(self, seconds: float) -> None:
        """Every byte from now on takes `seconds` each way; 0 is an ordinary wire."""
        self._do(lambda: setattr(self, "_seconds", seconds))

    def hold(self) -> None:
        self._do(self._flows.clear)

    def cut(self) -> None:
        self._do(self._reset)

    def drop_new(self) -> None:
        self._do(lambda: setattr(self, "_dropping", True))

    def down(self) -> None:
        self.drop_new()
        self.cut()

    def heal(self) -> None:
        def healed() -> None:
            self._seconds, self._dropping = 0.0, False
            self._flows.set()

        self._do(healed)

    def _do(self, change: Callable[[], object]) -> None:
        async def changed() -> None:
            change()

        self._wait(changed())

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_SECONDS)

    def _reset(self) -> None:
        for pair in self._pairs:
            for writer in pair:
                _slam(writer)

    async def _listen(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._take_call, sock=listening)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task of our own: asyncio logs its own ones when they are cancelled."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._dropping:
            self.dropped += 1
            _slam(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:  # the server behind is really gone
            self.dropped += 1
            _slam(writer)
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except _BROKEN:
            for end in pair:
                _slam(end)
        finally:
            self._pairs.discard(pair)
            for end in pair:
                end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, in order; an orderly end is passed on as one."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        taking = asyncio.create_task(self._take(reader, under_way))
        try:
            while True:
                due, data = await under_way.get()
                await self._arrive(due)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            await taking  # says so when the near end broke
            with suppress(*_BROKEN):
                writer.write_eof()
        finally:
            taking.cancel()

    async def _take(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await under_way.put((self._loop.time() + self._seconds, data))
        finally:
            await under_way.put((0.0, b""))

    async def _arrive(self, due: float) -> None:
        await self._flows.wait()
        if self._seconds and (left := due - self._loop.time()) > 0:
            await asyncio.sleep(left)
        await self._flows.wait()


def _slam(writer: asyncio.StreamWriter) -> None:
    """An end without a goodbye (RST), as when a machine dies."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
