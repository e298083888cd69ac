"""The DingTalk door: what handlers need of the platform, in the words of `cards.door` (dingtalk.md §2–§6)."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import aiohttp

from cards.door import Capabilities, DoorError, GroupMade, Refused, Retry, Sent, Unsure, Verified
from cards.model import Card
from domain.chat import Account, Inbound, Recipient, SentCard, Tap
from domain.clock import Clock
from domain.fleet import Commons
from integrations.chat.dingtalk import callback, forms, probes
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.card_delivery import CardDelivery
from integrations.chat.dingtalk.card_mode import ACTION_CARD, OWN, PUBLIC, TEXT, CardMode, closes_cards
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.files import Files
from integrations.chat.dingtalk.forms import Form
from integrations.chat.dingtalk.groups import Groups
from integrations.chat.dingtalk.inbound import Reader
from integrations.chat.dingtalk.lint import MAX_BUTTONS
from integrations.chat.dingtalk.messenger import Messenger
from integrations.chat.dingtalk.settings import DingTalkSettings
from integrations.chat.dingtalk.stream import StreamClient
from integrations.chat.dingtalk.stream_link import Receive
from integrations.chat.dingtalk.stream_stats import StreamStats, StreamTiming
from integrations.chat.dingtalk.text import MAX_BYTES
from integrations.chat.dingtalk.usage import Usage

PLATFORM = "dingtalk"
LATER_SECONDS = 300.0  # a setting must be corrected first: credentials, allow-list


class DingTalkDoor:
    """One app. `card_mode` and `card_mode_reason` tell which cards it may send and why."""

    platform = PLATFORM

    def __init__(
        self,
        app: str,
        settings: DingTalkSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        timing: StreamTiming | None = None,
        *,
        commons: Commons | None = None,
    ) -> None:
        self.app = app
        self.settings = settings
        self._clock = clock
        self._reader = Reader(PLATFORM, app, settings.oapi_base)
        self.client = Client(app, settings, session, clock, commons=commons)
        self._mode = CardMode(self.client, clock)
        self._messenger = Messenger(self.client, clock)
        self._cards = CardDelivery(self.client)
        self._files = Files(self.client)
        self._groups = Groups(self.client, app, clock)
        self._stream = StreamClient(self.client, session, clock, timing)

    @property
    def capabilities(self) -> Capabilities:
        cards = self._mode.mode in {"", OWN, PUBLIC}
        return Capabilities(
            hears_groups=True,
            pushes_first=True,
            cards_to_groups=True,
            updates_cards=cards,
            needs_public_url=self.settings.mode == "http",
            max_text_bytes=MAX_BYTES,
            max_buttons=MAX_BUTTONS if cards else forms.MAX_ACTIONS,
            sends_files=True,
            makes_groups=True,
            hears_own_groups=True,  # once its robot is in them: `GroupMade.to_do`
        )

    @property
    def card_mode(self) -> str:
        """own | public | actioncard | text, "" before the first card or probe."""
        return self._mode.mode

    @property
    def card_mode_reason(self) -> str:
        return self._mode.reason

    @property
    def stream_stats(self) -> StreamStats:
        return self._stream.stats

    @property
    def usage(self) -> Usage:
        return self.client.usage

    # in

    def parse(self, kind: str, payload: bytes, key: str) -> Inbound:
        return self._reader.read(kind, payload, key, self._clock.now())

    def verify_robot(self, headers: Mapping[str, str], body: bytes) -> Verified:
        """HTTP mode; raises CallbackRefused."""
        return self._heard(callback.verify_robot(self.settings, headers, body, self._clock.now()))

    def verify_card(self, headers: Mapping[str, str], body: bytes) -> Verified:
        return self._heard(callback.verify_card(self.settings, headers, body, self._clock.now()))

    def verify_event(self, query: Mapping[str, str], body: bytes) -> tuple[Verified, bytes]:
        """The event, and the JSON body of the answer to give once it is kept."""
        verified, answer = callback.verify_event(self.settings, query, body, self._clock.now())
        return self._heard(verified), answer

    async def run_stream(self, receive: Receive) -> None:
        """Hear over Stream until `stop`; `receive` returns once the frame is in the inbox."""

        async def counted(verified: Verified) -> bool | None:
            fresh = await receive(verified)
            self._heard(verified)  # once, however often it had to be offered
            return fresh

        await self._stream.run(counted)

    async def stop(self) -> None:
        """Finish the frames in hand and close every connection."""
        await self._stream.stop()

    def _heard(self, verified: Verified) -> Verified:
        self.usage.count_message(f"in:{verified.kind}")
        return verified

    # out

    async def send_text(self, to: Recipient, text: str, *, key: str, attempt: int) -> Sent:
        with door_errors():
            return await self._messenger.send(to, forms.text_forms(text), key=key, attempt=attempt)

    async def send_file(
        self, to: Recipient, name: str, media_type: str, content: bytes, *, key: str, attempt: int
    ) -> Sent:
        """Always by the robot's send calls: a reply address carries neither pictures nor files (§5.3). A repeat
        cannot be recognised: after an outcome nobody knows a file's name begins with 「（可能重复）」."""
        with door_errors():
            form = await self._files.form(name, media_type, content)
            return await self._messenger.send(to, [form], key=key, attempt=attempt)

    async def fetch_file(self, ref: str) -> bytes:
        with door_errors():
            return await self._files.fetch(ref)

    async def create_group(
        self, name: str, owner: Account, members: Sequence[Account], *, key: str, attempt: int = 1
    ) -> GroupMade:
        with door_errors():
            return await self._groups.create(name, (owner, *members), key=key, attempt=attempt)

    async def change_group(
        self,
        chat_id: str,
        *,
        add: Sequence[Account] = (),
        remove: Sequence[Account] = (),
        name: str = "",
        handle: str = "",
    ) -> GroupMade:
        with door_errors():
            return await self._groups.change(chat_id, add=add, remove=remove, name=name, handle=handle)

    async def send_card(self, to: Recipient, card: Card, *, card_id: str, attempt: int) -> Sent:
        """As a card under our own id; where that cannot be, as an ActionCard; else as words."""
        with door_errors():
            why = await self._send_as_card(to, card, card_id)
            if isinstance(why, Sent):
                return why
            return await self._send_as_message(to, card, card_id, attempt, why)

    async def _send_as_card(self, to: Recipient, card: Card, card_id: str) -> Sent | str:
        """Sent, or why the fallback is needed."""
        if not to.chat_id and not to.account.user_id:
            return "接收人不是本企业成员"
        template = await self._mode.current()
        if template is None:
            return self._mode.reason
        try:
            problem = await self._cards.send(to, card, template, card_id)
        except ApiError as error:
            if not closes_cards(error):
                raise
            self._mode.degrade(str(error))
            return str(error)
        handle = {"mode": "card", "out_track_id": card_id, "style": template.style}
        return problem or Sent(handle, card_id, repeated=problem is None)

    async def _send_as_message(self, to: Recipient, card: Card, card_id: str, attempt: int, why: str) -> Sent:
        group = bool(to.chat_id)
        words = forms.text_forms(forms.command_text(card, group=group))
        plans: list[tuple[str, Sequence[Form]]] = [(TEXT, words)]
        if not group and self._mode.mode != TEXT:  # a tapped command link need not reach the robot in a group
            plans.insert(0, (ACTION_CARD, [forms.action_card_form(card)]))
        for mode, shown in plans:
            try:
                sent = await self._messenger.send(to, shown, key=f"{card_id}.{mode}", attempt=attempt)
            except ApiError as error:
                if mode == TEXT or error.kind is not Kind.REFUSED:
                    raise
                why = f"{why}；{error}"
                continue
            if mode == TEXT and self._mode.mode == ACTION_CARD and not group:
                self._mode.degrade(why, TEXT)
            return Sent({"mode": mode, "why": why}, sent.platform_id)
        raise AssertionError("the last plan returns or raises")

    def can_update(self, sent: SentCard, *, final: bool) -> bool:  # noqa: ARG002 - the Protocol's name
        """A real card may be updated at any time; messages never."""
        return sent.handle.get("mode") == "card"

    async def update_card(self, sent: SentCard, card: Card, *, attempt: int) -> Mapping[str, object]:
        """Change the card for everybody. What cannot change gets its final word as a new message."""
        with door_errors():
            if sent.handle.get("mode") == "card":
                style = str(sent.handle.get("style") or PUBLIC)
                await self._cards.update(sent.card_id, card, style, sent.recipient.chat_id)
                return sent.handle
            if not card.final:
                raise ApiError(Kind.REFUSED, "not_updatable", "这条消息不能更新")
            words = forms.text_forms(card.summary)
            await self._messenger.send(sent.recipient, words, key=f"{sent.card_id}.final", attempt=attempt)
            return {**sent.handle, "told": card.final}

    def note_tap(self, sent: SentCard, tap: Tap) -> Mapping[str, object]:  # noqa: ARG002 - nothing to keep
        """A tap brings no code here: the handle stays."""
        return sent.handle

    async def register_card_route(self, url: str) -> None:
        """HTTP mode, at start: where card taps are to be posted."""
        with door_errors():
            await self._cards.register_route(url)

    # doctor

    def probe_token(self) -> Awaitable[probes.Finding]:
        return probes.token(self.client)

    def probe_stream_open(self) -> Awaitable[probes.Finding]:
        return probes.stream_open(self.client)

    def probe_card_template(self) -> Awaitable[probes.Finding]:
        """Also the start-up probe: it decides `card_mode`."""
        return probes.card_template(self._mode)

    def probe_scopes(self) -> Awaitable[probes.Finding]:
        return probes.scopes(self.client)


@contextmanager
def door_errors() -> Iterator[None]:
    """ApiError in the three words of `cards.door`."""
    try:
        yield
    except ApiError as error:
        raise door_error(error) from None


def door_error(error: ApiError) -> DoorError:
    match error.kind:
        case Kind.REFUSED | Kind.SCOPE | Kind.QUOTA:
            return Refused(str(error), code=error.code)
        case Kind.LOST:
            return Unsure(str(error), code=error.code)
        case Kind.CREDENTIALS | Kind.ADDRESS:
            return Retry(str(error), code=error.code, retry_after=LATER_SECONDS)
        case _:
            return Retry(str(error), code=error.code, retry_after=error.retry_after)
