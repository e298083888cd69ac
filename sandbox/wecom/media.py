"""Temporary media: upload limits, three days of life, download (wecom.md §7.4)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sandbox.wecom import switches
from sandbox.wecom.apps import letters
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call, Part
from sandbox.world import World

LIFE = 3 * 86400  # seconds
SMALLEST = 6  # bytes: more than 5
MB = 1024 * 1024
AMR_SECONDS_BYTES = 1600  # AMR-NB at 12.2 kbit/s: one second in bytes, about


@dataclass
class Medium:
    id: str
    kind: str
    name: str
    content_type: str
    created: int
    data: str  # base64


class MediaLibrary:
    """Uploaded files; a media_id is usable by every app of the corp."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._media = {key: Medium(**doc) for key, doc in world.store.all("wecom.media")}

    def add(self, kind: str, part: Part) -> Medium:
        medium = Medium(
            id=letters(43),
            kind=kind,
            name=part.filename,
            content_type=part.content_type,
            created=self._world.clock.epoch(),
            data=base64.b64encode(part.data).decode(),
        )
        self._media[medium.id] = medium
        self._world.store.put("wecom.media", medium.id, vars(medium))
        return medium

    def get(self, media_id: str) -> Medium:
        medium = self._media.get(media_id)
        if medium is None or self._world.clock.epoch() >= medium.created + LIFE:
            raise WecomError(40007)
        return medium

    def name(self, media_id: str) -> str:
        return self.get(media_id).name

    def _check(self, kind: str, part: Part) -> None:
        limits = {"image": switches.number(self._world, "image_max_mb"), "voice": 2, "video": 10, "file": 20}
        if kind not in limits:
            raise WecomError(40005)
        if not part.data:
            raise WecomError(44001)
        if len(part.data) < SMALLEST:
            raise WecomError(40006)
        if len(part.data) > limits[kind] * MB:
            raise WecomError(45001)
        if kind == "image" and not part.data.startswith((b"\xff\xd8", b"\x89PNG")):
            raise WecomError(40005)
        if kind == "voice" and len(part.data) > 60 * AMR_SECONDS_BYTES:
            raise WecomError(45007)

    def upload(self, call: Call) -> dict[str, Any]:
        kind = call.query.get("type", "")
        part = call.part("media")
        self._check(kind, part)
        medium = self.add(kind, part)
        return {"errmsg": "", "type": kind, "media_id": medium.id, "created_at": str(medium.created)}

    def upload_image(self, call: Call) -> dict[str, Any]:
        """`uploadimg`: a permanent address for pictures inside cards."""
        part = call.part("media")
        if len(part.data) > 2 * MB:
            raise WecomError(45001)
        if len(part.data) < SMALLEST:
            raise WecomError(40006)
        medium = self.add("permanent", part)
        return {"errmsg": "", "url": f"{self._world.base}/wecom/img/{medium.id}"}

    def download(self, call: Call) -> web.StreamResponse:
        media_id = call.query.get("media_id", "")
        if not media_id:
            raise WecomError(41006)
        return respond(self.get(media_id))

    async def image(self, request: web.Request) -> web.Response:
        """The file behind an `uploadimg` address or a PicUrl; also what the console shows. No token, no end."""
        medium = self._media.get(request.match_info["media_id"])
        if medium is None:
            raise web.HTTPNotFound
        return respond(medium)


def respond(medium: Medium) -> web.Response:
    name = quote(medium.name)
    return web.Response(
        body=base64.b64decode(medium.data),
        content_type=medium.content_type.partition(";")[0] or "application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"},
    )
