"""Uploading pictures and files (wecom.md §7.4); a media_id lives three days."""

from __future__ import annotations

import mimetypes
from typing import Literal

import aiohttp

from cards.door import Refused
from integrations.chat.wecom.client import Call, WeComClient

Kind = Literal["image", "voice", "video", "file"]
MB = 1024 * 1024
LEAST_BYTES = 5  # what is not larger is refused with 40006
MOST_BYTES: dict[Kind, int] = {"image": 2 * MB, "voice": 2 * MB, "video": 10 * MB, "file": 20 * MB}


async def upload(client: WeComClient, kind: Kind, name: str, data: bytes, *, most: int = 0) -> str:
    """The media_id. `name` may be Chinese: it goes as raw UTF-8; `most` bytes instead of the kind's limit."""
    limit = most or MOST_BYTES[kind]
    if not LEAST_BYTES < len(data) <= limit:
        raise Refused(
            f"文件 {name} 有 {len(data)} 字节，要大于 5 字节、不超过 {limit // MB} MB", code="media_size"
        )
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"

    def form() -> aiohttp.FormData:
        parts = aiohttp.FormData(quote_fields=False)
        parts.add_field("media", data, filename=_plain(name), content_type=content_type)
        return parts

    answer = await client.call(Call("POST", "media/upload", params={"type": kind}, body=form))
    return str(answer["media_id"])


def _plain(name: str) -> str:
    """Without what would end the header's quoted string."""
    return "".join("_" if c in '"\\/' or ord(c) < 32 else c for c in name) or "file"
