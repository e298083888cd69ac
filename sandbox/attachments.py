"""Files people send through the control API: `{name, content_base64, type}` in the shape the simulators read."""

from __future__ import annotations

import mimetypes
from typing import Any

OTHER = "application/octet-stream"
MAJORS = {"image": "image", "audio": "voice", "video": "video"}


def read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`type` is a kind of message (image, file, voice, video, location, link), or a media type such as text/csv,
    or is left out and guessed from the name; `content` is the older name of `content_base64`."""
    return [_read(row) for row in rows]


def _read(row: dict[str, Any]) -> dict[str, Any]:
    found = dict(row)
    if "content_base64" in found:
        found["content"] = found.pop("content_base64")
    kind = str(found.get("type") or mimetypes.guess_type(str(found.get("name", "")))[0] or OTHER)
    if "/" in kind:
        found["mime"] = found.get("mime") or kind
        kind = MAJORS.get(kind.partition("/")[0], "file")
    found["type"] = kind
    return found
