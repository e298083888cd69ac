"""The wire of the fault tests does what it says, else they prove nothing."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.wire import HOST, Wire


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def echo() -> Iterator[int]:
    with _Server((HOST, 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def _call(wire: Wire) -> socket.socket:
    return socket.create_connection((HOST, wire.port), timeout=30)


def _ask(line: socket.socket, text: bytes = b"hello") -> bytes:
    line.sendall(text)
    heard = b""
    while len(heard) < len(text):
        part = line.recv(65_536)
        if not part:
            raise ConnectionResetError
        heard += part
    return heard


def _refused(wire: Wire) -> None:
    """The reset may come while connecting or after it."""
    with pytest.raises(ConnectionError), _call(wire) as line:
        _ask(line)


def test_an_ordinary_wire_carries_everything(echo: int) -> None:
    with Wire(echo) as wire, _call(wire) as line:
        big = bytes(range(256)) * 20_000
        sender = threading.Thread(target=line.sendall, args=(big,))
        sender.start()
        heard = b""
        while len(heard) < len(big):
            heard += line.recv(65_536)
        sender.join()
        assert heard == big
        assert (wire.accepted, wire.dropped, wire.open) == (1, 0, 1)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b"", "an orderly end is passed on both ways"


def test_a_slow_wire_takes_its_time_and_keeps_the_order(echo: int) -> None:
    with Wire(echo) as wire, _call(wire) as line:
        assert _ask(line) == b"hello"
        wire.delay(0.2)
        began = time.monotonic()
        assert _ask(line) == b"hello"
        assert time.monotonic() - began >= 0.4, "each way"
        wire.heal()
        assert _ask(line, b"again") == b"again"


def test_a_held_wire_says_nothing_and_loses_nothing(echo: int) -> None:
    with Wire(echo) as wire, _call(wire) as line:
        wire.hold()
        line.sendall(b"hello")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(5)
        line.settimeout(30)
        wire.heal()
        assert line.recv(5) == b"hello"


def test_a_cut_resets_what_is_open_and_takes_new_calls(echo: int) -> None:
    with Wire(echo) as wire:
        with _call(wire) as line:
            _ask(line)
            wire.cut()
            with pytest.raises(ConnectionError):
                _ask(line)
        with _call(wire) as line:
            assert _ask(line) == b"hello"


def test_new_calls_are_dropped_while_old_ones_live(echo: int) -> None:
    with Wire(echo) as wire, _call(wire) as old:
        _ask(old)
        wire.drop_new()
        _refused(wire)
        assert _ask(old) == b"hello"
        wire.down()
        with pytest.raises(ConnectionError):
            _ask(old)
        wire.heal()
        with _call(wire) as line:
            assert _ask(line) == b"hello"
        assert wire.dropped == 1


def test_a_server_that_is_gone_is_a_reset() -> None:
    with socket.create_server((HOST, 0)) as nobody:
        port = int(nobody.getsockname()[1])
    with Wire(port) as wire:
        _refused(wire)
