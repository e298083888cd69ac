"""Pictures and files to people and from them (dingtalk.md §2.2, §5.3, §5.7)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import OrderedDict
from pathlib import PurePosixPath

from integrations.chat.dingtalk import forms
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import MOST_BYTES, Client
from integrations.chat.dingtalk.forms import Form
from integrations.chat.dingtalk.payload import text_of

FILE_TYPES = frozenset({"xlsx", "pdf", "zip", "rar", "doc", "docx"})  # of a robot's file message
PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/bmp": "bmp"}
REMEMBERED = 200  # uploads: media ids do not expire, an upload is a call of the month
LONGEST_NAME = 120  # characters
_ZIPPED_AT = (2020, 1, 1, 0, 0, 0)  # the same content is the same archive, and so the same upload


class Files:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._uploads: OrderedDict[str, str] = OrderedDict()  # digest → media id

    async def form(self, name: str, media_type: str, content: bytes) -> Form:
        """The message that carries this file. What a robot may not send as it is goes in a ZIP archive."""
        _check_size(name, content)
        if media_type in PICTURES:
            plain = f"{PurePosixPath(_plain(name)).stem or 'picture'}.{PICTURES[media_type]}"
            return forms.image_form(await self._media_id("image", plain, content))
        named = _plain(name)
        if _suffix(named) not in FILE_TYPES:
            named, content = f"{named}.zip", zipped(named, content)
            _check_size(named, content)
        return forms.file_form(await self._media_id("file", named, content), named, _suffix(named))

    async def fetch(self, code: str) -> bytes:
        """What a person sent, by its download code."""
        body: dict[str, object] = {"downloadCode": code, "robotCode": self._client.settings.robot}
        try:
            found = await self._client.api("POST", "/v1.0/robot/messageFiles/download", body, repeatable=True)
        except ApiError as error:
            if error.kind is Kind.REFUSED:
                raise ApiError(Kind.REFUSED, error.code, "文件已经取不到了，请重新发送") from None
            raise
        return await self._client.download(text_of(found.get("downloadUrl")))

    async def _media_id(self, kind: str, name: str, content: bytes) -> str:
        digest = hashlib.sha256(f"{kind}/{name}/".encode() + content).hexdigest()
        if digest not in self._uploads:
            answer = await self._client.upload(kind, name, content)
            self._uploads[digest] = text_of(answer.get("media_id"))
            if len(self._uploads) > REMEMBERED:
                self._uploads.popitem(last=False)
        return self._uploads[digest]


def zipped(name: str, content: bytes) -> bytes:
    """An archive of this one file."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, _ZIPPED_AT), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower().removeprefix(".")


def _plain(name: str) -> str:
    """Without what would end the header's quoted string; too long a name keeps its suffix."""
    clean = "".join("_" if c in '"\\/' or ord(c) < 32 else c for c in name).strip() or "文件"
    suffix = PurePosixPath(clean).suffix
    return clean if len(clean) <= LONGEST_NAME else clean[: LONGEST_NAME - len(suffix)] + suffix


def _check_size(name: str, content: bytes) -> None:
    if not 0 < len(content) <= MOST_BYTES:
        most = MOST_BYTES // 1024 // 1024
        raise ApiError(
            Kind.REFUSED, "size", f"文件 {name} 有 {len(content)} 字节，不能为空，也不能超过 {most} MB"
        )
