"""Numbers that people read aloud and type (`RF260104K7M2QX`): drawn by chance, in a replay as they were before."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Protocol

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0/O, 1/I
LENGTH = 6  # random characters; storage's key keeps a number unique


class Numbers(Protocol):
    """Where numbers come from when not from chance. `about` says what gets the number, the same in every run."""

    def draw(self, prefix: str, about: str) -> str | None:
        """The number it had before; None: draw one by chance."""
        ...


_source: ContextVar[Numbers | None] = ContextVar("numbers", default=None)


def number(prefix: str, day: date, about: str) -> str:
    """`prefix` + day + six random characters. `about` tells what it is for from everything else of this prefix that
    can be open at the same time."""
    source = _source.get()
    known = source.draw(prefix, about) if source is not None else None
    return known or f"{prefix}{day:%y%m%d}" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


@contextmanager
def numbers_from(source: Numbers) -> Iterator[None]:
    """Inside, and in every task begun inside, numbers come from `source`."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)
