"""Pictures and files to the platform and from it (wecom.md §7.4); a media_id lives three days."""

from __future__ import annotations

import io
import mimetypes
from typing import Literal

import aiohttp

from cards.door import Refused
from integrations.chat.wecom.client import Call, WeComClient
from integrations.chat.wecom.errors import ApiRefused

Kind = Literal["image", "voice", "video", "file"]
MB = 1024 * 1024
UPLOAD_SECONDS, FETCH_SECONDS = 12.0, 30.0  # 20 MB over a slow line; an upload has to end within a delivery
EXPIRED = "40007"
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
        parts.add_field("media", io.BytesIO(data), filename=_plain(name), content_type=content_type)
        return parts

    call = Call("POST", "media/upload", params={"type": kind}, body=form, seconds=UPLOAD_SECONDS)
    return str((await client.call(call))["media_id"])


async def fetch(client: WeComClient, media_id: str) -> bytes:
    """What a person sent."""
    call = Call("GET", "media/get", params={"media_id": media_id}, seconds=FETCH_SECONDS, file=True)
    try:
        answer = await client.call(call)
    except ApiRefused as error:
        if error.code == EXPIRED:
            raise Refused("文件已过期（企业微信只保留 3 天），请重新发送", code=EXPIRED) from None
        raise
    content = answer.get("content")
    if not isinstance(content, bytes):
        raise Refused("media/get 没有给出文件", code="no_content")
    return content


def is_picture(media_type: str, data: bytes, most: int) -> bool:
    """Whether it can go as a picture: JPG or PNG by type and by content, and small enough."""
    is_one = media_type in ("image/png", "image/jpeg") and data.startswith((b"\x89PNG", b"\xff\xd8"))
    return is_one and len(data) <= (most or MOST_BYTES["image"])


def _plain(name: str) -> str:
    """Without what would end the header's quoted string."""
    return "".join("_" if c in '"\\/' or ord(c) < 32 else c for c in name) or "file"
