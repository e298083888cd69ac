"""A bill from the network onto the disk, unaltered, under a name that its content gives it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import aiohttp

from domain.payment import BillFile, BillKind, PaymentError

CHUNK = 1 << 16
MAX_BYTES = 2 << 30  # as it travels, packed or not


@dataclass(frozen=True)
class Received:
    """A file as it came, not yet believed; `head` are its first bytes, `digest` its SHA-256."""

    path: Path
    digest: str
    head: bytes


async def receive(response: aiohttp.ClientResponse, folder: Path) -> Received:
    """Write the answer to a fresh file of the folder. A cut connection leaves nothing behind."""
    part = await asyncio.to_thread(_fresh, folder)
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            head = head or chunk[:16]
            if size > MAX_BYTES:
                raise PaymentError("账单文件大得不正常，已停止下载", final=True)
            await asyncio.to_thread(_append, part, chunk)
    except BaseException:
        _remove(part)
        raise
    return Received(part, digest.hexdigest(), head)


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".bill-", dir=folder)
    os.close(handle)
    return Path(name)


def _append(part: Path, chunk: bytes) -> None:
    with part.open("ab") as file:
        file.write(chunk)


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Keeper:
    """Where a bill belongs."""

    account: str
    provider: str
    day: date
    kind: BillKind

    async def keep(self, received: Received, suffix: str, sound: Callable[[Path], None]) -> BillFile:
        """Put the file in its place once `sound` (raises PaymentError) has found it whole."""
        return await asyncio.to_thread(self._keep, received, suffix, sound)

    def _keep(self, received: Received, suffix: str, sound: Callable[[Path], None]) -> BillFile:
        try:
            sound(received.path)
            with received.path.open("rb") as file:
                os.fsync(file.fileno())
        except BaseException:
            _remove(received.path)
            raise
        name = f"{self.account}_{self.day:%Y%m%d}_{self.kind.value}_{received.digest[:8]}{suffix}"
        path = received.path.with_name(name)
        received.path.replace(path)
        return BillFile(self.account, self.provider, self.day, self.kind, path, received.digest)
