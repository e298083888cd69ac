"""The WeCom door: a self-built app with a callback URL (wecom.md §0), as `cards.door.ChatDoor` wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import aiohttp

from cards.door import Capabilities, GroupMade, Refused, Sent
from cards.model import Card
from domain.chat import Account, Inbound, Recipient, SentCard, Tap
from domain.clock import Clock
from domain.fleet import Commons
from domain.fleet_alone import Alone
from integrations.chat.wecom import codes
from integrations.chat.wecom.card import render_card, render_update
from integrations.chat.wecom.client import WeComClient
from integrations.chat.wecom.crypto import Envelope
from integrations.chat.wecom.errors import ApiRefused
from integrations.chat.wecom.groups import Groups
from integrations.chat.wecom.inbound import PLATFORM, read_inbound
from integrations.chat.wecom.limits import SendLimits
from integrations.chat.wecom.lint import lint_card
from integrations.chat.wecom.media import fetch, is_picture
from integrations.chat.wecom.probes import Probe, probe_call, probe_token
from integrations.chat.wecom.sender import Sender, check_delivered, check_user_id
from integrations.chat.wecom.settings import WeComSettings

SPENT_CODE = "60140"  # a response code that was used, or is too old
CAPABILITIES = Capabilities(
    hears_groups=False,
    pushes_first=True,
    cards_to_groups=False,
    updates_cards=True,
    needs_public_url=True,
    max_text_bytes=2048,
    max_buttons=6,
    sends_files=True,
    makes_groups=True,
    hears_own_groups=False,
)


class WeComDoor:
    """One app. `envelope` is what `callback.verify_url` and `verify_callback` take."""

    platform = PLATFORM

    def __init__(
        self,
        app: str,
        settings: WeComSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        self.app = app
        self.envelope = Envelope.of(settings.token, settings.encoding_aes_key, settings.corp_id)
        commons = commons or Alone(clock)
        self.client = WeComClient(app, settings, session, clock, commons=commons)
        self._settings = settings
        self._clock = clock
        self._limits = SendLimits(
            commons.budgets,
            f"{PLATFORM}:{app}",
            corp=f"{PLATFORM}:{settings.corp_id}",
            daily=settings.daily_person_times,
        )
        self._groups = Groups(self.client, app, settings, clock)
        self._sender = Sender(self.client, settings, self._limits, clock, self._groups.members)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def close(self) -> None:
        await self.client.close()

    def parse(self, kind: str, payload: bytes, key: str) -> Inbound:
        return read_inbound(self.app, kind, payload, key)

    async def send_text(self, to: Recipient, text: str, *, key: str, attempt: int) -> Sent:
        return await self._sender.words(to, "text", text, key=key, attempt=attempt)

    async def send_markdown(self, to: Recipient, text: str, *, key: str, attempt: int) -> Sent:
        """WeCom's small subset: headings, bold, links, quotes, three colours (§4.2)."""
        return await self._sender.words(to, "markdown", text, key=key, attempt=attempt)

    async def send_file(
        self, to: Recipient, name: str, media_type: str, content: bytes, *, key: str, attempt: int
    ) -> Sent:
        """JPG and PNG up to the picture limit are shown as pictures, the rest as files of at most 20 MB.

        A repeat is recognised by its body, and so by the upload: by this process for three days. A group, or a
        process that has forgotten the upload, may show a file twice after a lost answer.
        """
        picture = is_picture(media_type, content, self._settings.image_max_bytes)
        kind: Literal["image", "file"] = "image" if picture else "file"
        return await self._sender.media(to, kind, name, content, key=key, attempt=attempt)

    async def fetch_file(self, ref: str) -> bytes:
        return await fetch(self.client, ref)

    async def create_group(
        self,
        name: str,
        owner: Account,
        members: Sequence[Account],
        *,
        key: str,
        attempt: int = 1,  # noqa: ARG002 - the chat id comes from the key: a repeat finds the group
    ) -> GroupMade:
        return await self._groups.create(name, owner, members, key)

    async def change_group(
        self,
        chat_id: str,
        *,
        add: Sequence[Account] = (),
        remove: Sequence[Account] = (),
        name: str = "",
        handle: str = "",  # noqa: ARG002 - the chat id says it all
    ) -> GroupMade:
        return await self._groups.change(chat_id, add=add, remove=remove, name=name)

    async def send_card(self, to: Recipient, card: Card, *, card_id: str, attempt: int) -> Sent:
        """To one member: the response code of a send is for all its recipients (§4.6).

        task_id is unique in the app, so a repeated send is refused; its code is lost, taps bring new ones.
        """
        if to.chat_id:
            raise Refused("企业微信的群里不能发卡片", code="40008")
        user_id = check_user_id(to.account.user_id)
        body = {
            "touser": user_id,
            "msgtype": "template_card",
            "agentid": self._settings.agent_id,
            "template_card": _linted(render_card(card, card_id, self._settings.public_url)),
        }
        await self._limits.take_member(user_id)
        try:
            answer = await self.client.post("message/send", body, effect=True)
        except ApiRefused as error:
            if self._arrived_earlier(error, attempt):
                return Sent(codes.new_handle(card_id, {}, self._clock.now()), repeated=True)
            raise
        check_delivered(answer, user_id)
        handle = codes.new_handle(card_id, answer, self._clock.now())
        return Sent(handle, platform_id=str(answer.get("msgid", "")))

    def _arrived_earlier(self, error: ApiRefused, attempt: int) -> bool:
        is_repeat = attempt > 1 or error.tries > 1
        return is_repeat and error.code == str(self._settings.duplicate_task_code)

    def can_update(self, sent: SentCard, *, final: bool) -> bool:
        return bool(codes.usable(sent.handle, self._clock.now(), final=final))

    async def update_card(self, sent: SentCard, card: Card, *, attempt: int) -> Mapping[str, object]:
        """Uses one response code; a spent one is dropped and the next tried.

        An update whose answer was lost may be shown once more on a later attempt: it replaces the
        card with the same card.
        """
        shown = _linted(render_update(card, sent.card_id, self._settings.public_url))
        handle = dict(sent.handle)
        for code in codes.usable(handle, self._clock.now(), final=bool(card.final) or card.urgent):
            body = {
                "atall": 1,
                "agentid": self._settings.agent_id,
                "response_code": code,
                "template_card": shown,
            }
            handle = codes.without(handle, code)
            try:
                await self.client.post("message/update_template_card", body, effect=True)
            except ApiRefused as error:
                if error.code != SPENT_CODE:
                    raise
            else:
                return handle
        raise Refused(f"这张卡片已没有可用的更新码（第 {attempt} 次尝试）", code=SPENT_CODE)

    def note_tap(self, sent: SentCard, tap: Tap) -> Mapping[str, object]:
        return codes.add_tap(sent.handle, tap.code, tap.account.user_id, tap.at)

    async def recall(self, message_id: str) -> None:
        """Take a message back within 24 hours of sending (§4.8)."""
        await self.client.post("message/recall", {"msgid": message_id}, effect=False)

    async def probe_token(self) -> Probe:
        return await probe_token(self.client)

    async def probe_ip(self) -> Probe:
        return await probe_call(self.client)

    async def check(self) -> list[Probe]:
        """For `doctor`, in the order in which an installer meets the troubles."""
        return [await self.probe_token(), await self.probe_ip()]


def _linted(card: dict[str, object]) -> dict[str, object]:
    problems = lint_card(card)
    if problems:
        raise Refused("卡片不合企业微信的规则：" + "；".join(problems[:5]), code="lint")
    return card
