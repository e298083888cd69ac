"""Text that both databases take."""

from __future__ import annotations


def storable(text: str) -> str:
    """Without NUL (PostgreSQL refuses it) and without half a surrogate pair (UTF-8 has no such thing)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
