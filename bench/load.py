"""The load generator: keep-alive HTTP over raw sockets in a process of its own; standard library only.

Reads a JSON spec from standard input, writes a JSON result to standard output. Each connection has one request
under way at a time (a closed loop); every latency is kept.
"""

from __future__ import annotations

import asyncio
import gc
import json
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

_LENGTH = struct.Struct(">I")


def post(path: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def pack(requests: Iterable[bytes], path: Path) -> Path:
    path.write_bytes(b"".join(_LENGTH.pack(len(request)) + request for request in requests))
    return path


def unpack(path: Path) -> list[bytes]:
    data, found, at = path.read_bytes(), [], 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        found.append(data[at : at + length])
        at += length
    return found


class Tally:
    """What all connections share."""

    def __init__(self, requests: list[bytes]) -> None:
        self.left: Iterator[bytes] = iter(requests)
        self.expected = len(requests)
        self.latencies: list[float] = []
        self.refused: dict[int, int] = {}
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def count(self, status: int, seconds: float) -> None:
        self.latencies.append(seconds)
        if status != 200:
            self.refused[status] = self.refused.get(status, 0) + 1
        if len(self.latencies) == self.expected and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, why: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(RuntimeError(why))


class Connection(asyncio.Protocol):
    """One request under way at a time; `pause` seconds between an answer and the next request."""

    def __init__(self, tally: Tally, pause: float) -> None:
        self._tally = tally
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._began = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self) -> None:
        request = next(self._tally.left, None)
        if request is None or self._transport is None:
            return
        self._began = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not complete(self._buffer):
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._tally.count(status, perf_counter() - self._began)
        if self._pause:
            self._loop.call_later(self._pause, self.begin)
        else:
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._tally.fail(f"the server closed a connection: {exc!r}")


def complete(data: bytes) -> bool:
    """Whether a whole answer is there, by its Content-Length or its last chunk."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return len(body) >= int(lower[at + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in lower:
        return body.endswith(b"0\r\n\r\n")
    return True


async def run(spec: dict[str, object]) -> dict[str, object]:
    requests = unpack(Path(str(spec["requests"])))
    loop = asyncio.get_running_loop()
    tally = Tally(requests)
    connections = []
    for _ in range(int(str(spec["connections"]))):
        _, connection = await loop.create_connection(
            lambda: Connection(tally, float(str(spec["pause"]))), "127.0.0.1", int(str(spec["port"]))
        )
        connections.append(connection)
    gc.collect()
    gc.disable()
    began = perf_counter()
    for connection in connections:
        connection.begin()
    await tally.finished
    seconds = perf_counter() - began
    return {"began": began, "seconds": seconds, "latencies": tally.latencies, "refused": tally.refused}


def main() -> None:
    result = asyncio.run(run(json.load(sys.stdin)))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
