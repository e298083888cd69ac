"""A folder that another system puts files into (the port that `integrations/files/folder.py` fills)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_FOLDER_BYTES = 64 * 1024 * 1024  # of one file; larger ones are for the command line
SHARED = "files"  # the name of the folder that is no shop's own


class FolderTrouble(Exception):
    """The folder or a file in it cannot be read or moved; the message says what to do (Chinese)."""


class FileGone(FolderTrouble):
    """It lay there a moment ago: somebody took it out again, or another run has put it away."""


@dataclass(frozen=True)
class FoundFile:
    """A file in the folder. `ready`: it is whole. `stamp` tells one dropping of the same name from another."""

    name: str
    size: int
    stamp: str
    ready: bool


class WatchedFolder(Protocol):
    """`name` is SHARED or the code of the shop whose folder it is; `place` is what people call it."""

    @property
    def name(self) -> str: ...
    @property
    def place(self) -> str: ...

    async def look(self, now: datetime) -> Sequence[FoundFile]:
        """What is there, by name. A file is whole when its marker (`<name>.ok` or `.done`) stands beside it, or
        when it is the same as at an earlier look, long enough ago. Raises FolderTrouble."""
        ...

    async def read(self, name: str) -> bytes:
        """Raises FileGone, FolderTrouble."""
        ...

    async def put_away(self, name: str, digest: str, *, why: str = "", failed: bool = False) -> None:
        """Into `done/` or `failed/`, with `why` in `<name>.why.txt` beside it. Safe to repeat: what is no longer there
        has been put away. Raises FolderTrouble."""
        ...
