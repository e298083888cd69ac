"""Files that came by chat or leave by it, kept in the database so that every process can reach them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Protocol

MAX_BYTES = 20 * 1024 * 1024  # what both platforms carry (WeCom files 20 MB, wecom.md)


@dataclass(frozen=True)
class KeptFile:
    """`id` is the SHA-256 of the content in hex with the name's suffix: the same file is kept once."""

    id: str
    name: str
    media_type: str
    content: bytes
    created_at: datetime


def kept(name: str, media_type: str, content: bytes, now: datetime) -> KeptFile:
    """A file to keep, under the id its content gives it."""
    suffix = PurePosixPath(name).suffix.lower()[:8]
    return KeptFile(hashlib.sha256(content).hexdigest() + suffix, name, media_type, content, now)


class KeptFiles(Protocol):
    """Filled by `storage/kept_files.py`."""

    async def get(self, file_id: str) -> KeptFile | None: ...

    def save(self, file: KeptFile) -> None: ...
