"""Files: upload, the files people attach, and short-lived download addresses (dingtalk.md §5.7, §2.2)."""

from __future__ import annotations

import base64
import hmac
import mimetypes
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from sandbox.dingtalk import answers, ids, signing
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.tenant import Tenant

MB = 1024 * 1024
URL_SECONDS = 600
KINDS: dict[str, tuple[int, set[str]]] = {
    "image": (20 * MB, {"jpg", "jpeg", "gif", "png", "bmp"}),
    "voice": (2 * MB, {"amr", "mp3", "wav"}),
    "video": (20 * MB, {"mp4"}),
    "file": (20 * MB, {"doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"}),
}
LARGEST = max(limit for limit, _ in KINDS.values())


@dataclass
class Media:
    """A stored file; found by media id (uploaded by the app) or download code (attached by a person)."""

    id: str
    kind: str
    name: str
    data: str  # Base64

    def content(self) -> bytes:
        return base64.b64decode(self.data)


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/media/upload", _upload, "qyapi_base", multipart=True),
        Endpoint("GET", "/files/{file_id}", _file, token=False, metered=False),
    ]


def keep(tenant: Tenant, media: Media) -> Media:
    tenant.store.put("dingtalk.media", media.id, vars(media))
    return media


def find(tenant: Tenant, media_id: str) -> Media | None:
    doc = tenant.store.get("dingtalk.media", media_id)
    return Media(**doc) if doc else None


def signed_url(tenant: Tenant, media: Media) -> str:
    expires = tenant.world.clock.epoch() + URL_SECONDS
    sign = quote(_sign(tenant, media.id, str(expires)), safe="")
    return f"{tenant.world.base}/dingtalk/files/{quote(media.id, safe='')}?Expires={expires}&Signature={sign}"


def _sign(tenant: Tenant, media_id: str, expires: str) -> str:
    return signing.card_sign(tenant.corp_id, f"{media_id} {expires}")


async def _file(call: Call) -> Reply:
    expires, sign = call.query.get("Expires", "0"), call.query.get("Signature", "")
    media_id = call.request.match_info["file_id"]
    expected = _sign(call.tenant, media_id, expires)
    late = not expires.isdigit() or int(expires) < call.tenant.world.clock.epoch()
    found = find(call.tenant, media_id)
    if late or found is None or not hmac.compare_digest(sign.encode(), expected.encode()):
        raise answers.api("AccessDenied", "Request has expired.", 403)
    kind = mimetypes.guess_type(found.name)[0] if found.kind == "image" else None
    return Reply({}, raw=found.content(), content_type=kind or "application/octet-stream")


async def _upload(call: Call) -> Reply:
    """Multipart field `media` with a file name; `type` in the query or as a field."""
    kind, name, content = await _parts(call.request)
    if kind not in KINDS:
        raise answers.old(40004, "不合法的媒体文件类型")
    if not name or not content:
        raise answers.old(40035, "缺少参数 media")
    limit, suffixes = KINDS[kind]
    if len(content) > limit:
        raise answers.old(40009, "媒体文件大小超过限制")
    if name.rsplit(".", 1)[-1].lower() not in suffixes:
        raise answers.old(40005, "不合法的文件类型")
    media = keep(call.tenant, Media(ids.media_id(), kind, name, base64.b64encode(content).decode()))
    created = call.tenant.world.clock.epoch_ms()
    return Reply({"errcode": 0, "errmsg": "ok", "media_id": media.id, "created_at": created, "type": kind})


async def _parts(request: web.Request) -> tuple[str, str, bytes]:
    kind, name, content = request.query.get("type", ""), "", b""
    if not request.content_type.startswith("multipart/"):
        raise answers.old(43004, "需要multipart/form-data请求")
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "media":
            name, content = part.filename or "", await _whole(part)
        elif part.name == "type":
            kind = (await part.text()).strip()
    return kind, name, content


async def _whole(part: BodyPartReader) -> bytes:
    """In pieces: the limit is the platform's, not that of the application the sandbox hangs in."""
    content = bytearray()
    while chunk := await part.read_chunk(65536):
        if len(content) <= LARGEST:
            content += chunk
    return bytes(content)
