"""Messages that are not cards: text, markdown, pictures and files, to a member or into a group (wecom.md §4, §5.2)."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from cards.door import DoorError, Refused, Retry, Sent
from domain.chat import Recipient
from domain.clock import Clock
from integrations.chat.wecom.attempts import CleanAttempts
from integrations.chat.wecom.client import WeComClient
from integrations.chat.wecom.limits import SendLimits
from integrations.chat.wecom.media import EXPIRED, upload
from integrations.chat.wecom.settings import WeComSettings
from integrations.chat.wecom.text import split_text

DUPLICATE_INTERVAL = 1800  # seconds
MEDIA_LIFE = timedelta(days=3) - timedelta(hours=1)
MOST_MEDIA = 200  # uploads remembered, so that a repeated message has the same body
_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")

Content = dict[str, Any]


def is_user_id(user_id: str) -> bool:
    """Only ever one member: `|` and `@all` would make it several (§4.1)."""
    return bool(_USER_ID.fullmatch(user_id))


def check_user_id(user_id: str) -> str:
    if not is_user_id(user_id):
        raise Refused("收件人的 userid 不合规", code="40003")
    return user_id


def check_delivered(answer: Mapping[str, Any], user_id: str) -> None:
    """errcode 0 may still name our member as not reached; ids come back in lower case."""
    for name, code, why in (
        (
            "invaliduser",
            "81013",
            "收件人无效或不在应用的可见范围内，请在管理后台 → 应用管理 → 可见范围 里加上此人",
        ),
        ("unlicenseduser", "unlicensed", "收件人没有接口许可，请在管理后台为此人分配许可"),
    ):
        listed = str(answer.get(name) or "").casefold().split("|")
        if user_id.casefold() in listed:
            raise Refused(f"企业微信没有送达：{why}", code=code)


class Sender:
    """Sends one after the other and waits for each answer: parallel parts arrive out of order."""

    def __init__(
        self,
        client: WeComClient,
        settings: WeComSettings,
        limits: SendLimits,
        clock: Clock,
        members_of: Callable[[str], Awaitable[Sequence[str]]],
    ) -> None:
        """`members_of` tells who is in a group of ours."""
        self._client = client
        self._members_of = members_of
        self._settings = settings
        self._limits = limits
        self._clock = clock
        self._attempts = CleanAttempts()
        self._media: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    async def words(
        self, to: Recipient, kind: Literal["text", "markdown"], text: str, *, key: str, attempt: int
    ) -> Sent:
        """Split to fit. On a repeated attempt parts that arrived earlier are not shown again."""
        if not text.strip():
            raise Refused("空消息没有发出", code="44004")
        contents = [{"msgtype": kind, kind: {"content": part}} for part in split_text(text)]
        return await self._send(to, contents, key=key, attempt=attempt)

    async def media(
        self, to: Recipient, kind: Literal["image", "file"], name: str, data: bytes, *, key: str, attempt: int
    ) -> Sent:
        digest = hashlib.sha256(f"{kind}/{name}/".encode() + data).hexdigest()
        most = self._settings.image_max_bytes if kind == "image" else 0
        kept = self._media.get(digest)
        if kept is None or kept[1] <= self._clock.now():
            media_id = await upload(self._client, kind, name, data, most=most)
            self._media[digest] = (media_id, self._clock.now() + MEDIA_LIFE)
            if len(self._media) > MOST_MEDIA:
                self._media.popitem(last=False)
        content = {"msgtype": kind, kind: {"media_id": self._media[digest][0]}}
        try:
            return await self._send(to, [content], key=key, attempt=attempt)
        except Refused as error:
            if error.code == EXPIRED:
                self._media.pop(digest, None)
                raise Retry("素材已过期，重新上传", code=EXPIRED, retry_after=0.0) from None
            raise

    async def _send(self, to: Recipient, contents: list[Content], *, key: str, attempt: int) -> Sent:
        check = self._attempts.must_check(key, attempt)
        sent: list[str] = []
        try:
            await self._take_limit(to, len(contents))
            for content in contents:
                sent.append(await self._put(to, content, check=check))  # noqa: PERF401 - kept when a later part fails
        except DoorError as error:
            clean = isinstance(error, Retry) and not sent and not check
            self._attempts.note(key, attempt, clean=clean)
            raise
        self._attempts.note(key, attempt, clean=False)
        return Sent({"msgids": sent}, platform_id=sent[-1])

    async def _take_limit(self, to: Recipient, messages: int) -> None:
        if to.chat_id:
            members = await self._members_of(to.chat_id)
            await self._limits.take_group(to.chat_id, messages, members=members)
        else:
            await self._limits.take_member(check_user_id(to.account.user_id), messages)

    async def _put(self, to: Recipient, content: Content, *, check: bool) -> str:
        """One message; returns its msgid. Groups give none and know no duplicate check (§5.2)."""
        if to.chat_id:
            await self._client.post("appchat/send", {"chatid": to.chat_id, **content}, effect=True)
            return ""
        user_id = to.account.user_id
        body = {"touser": user_id, "agentid": self._settings.agent_id, **content}
        if check:
            body |= {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_INTERVAL}
        answer = await self._client.post("message/send", body, effect=True)
        check_delivered(answer, user_id)
        return str(answer.get("msgid", ""))
