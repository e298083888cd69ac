"""A desk in small: real SQLite, a clock that is moved by hand, a door that writes down what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.metrics import Metrics
from bot.receive import Receiver
from cards.door import Capabilities, GroupMade, Sent, Verified
from cards.model import Card
from cards.scene import Scene
from domain.chat import Account, Entered, Inbound, Message, Recipient, SentCard, SubjectRef, Tap, Unhandled
from domain.clock import ManualClock
from domain.policy import Policies
from domain.ports import UnitOfWork
from handlers.router import Context, Routes, compile_routes
from storage.database import Database, open_database
from tests.samples import NOW, People

PLATFORM, APP = "wecom", "main"
KEY = bytes(range(32))
CAPABILITIES = Capabilities(
    hears_groups=True,
    pushes_first=True,
    cards_to_groups=True,
    updates_cards=True,
    needs_public_url=False,
    max_text_bytes=2048,
    max_buttons=6,
)
SUBJECT = SubjectRef("order", "1")


def account(user: str = "linxiaoman") -> Account:
    return Account(PLATFORM, APP, user)


def text_item(user: str, text: str, key: str) -> Verified:
    return Verified(key, "text", json.dumps({"user": user, "text": text}).encode())


def tap_item(user: str, action: str, card_id: str, code: str, key: str) -> Verified:
    payload = {"user": user, "action": action, "card_id": card_id, "code": code}
    return Verified(key, "tap", json.dumps(payload).encode())


@dataclass
class Door:
    """Every call is kept in `calls` as (what, details); `faults` holds errors to raise, by what, in order."""

    platform: str = PLATFORM
    app: str = APP
    calls: list[tuple[str, Any]] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    faults: dict[str, list[BaseException]] = field(default_factory=dict)
    hold: asyncio.Event | None = None  # while set and not fired, sends hang
    updatable: Callable[[SentCard, bool], bool] = lambda _sent, _final: True

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def parse(self, kind: str, payload: bytes, key: str) -> Inbound:
        found = json.loads(payload)
        who = Account(self.platform, self.app, found["user"])
        if kind == "text":
            return Message(key, who, NOW, text=found["text"])
        if kind == "tap":
            return Tap(key, who, NOW, action=found["action"], card_id=found["card_id"], code=found["code"])
        if kind == "entered":
            return Entered(key, who, NOW)
        return Unhandled(key, who, NOW, kind=kind)

    async def _reach(self, what: str, attempt: int) -> None:
        self.attempts.append(attempt)
        if self.hold is not None:
            await self.hold.wait()
        if self.faults.get(what):
            raise self.faults[what].pop(0)

    async def send_text(self, to: Recipient, text: str, *, key: str, attempt: int) -> Sent:
        await self._reach("text", attempt)
        self.calls.append(("text", (to.account.user_id, text, key)))
        return Sent({}, "m1")

    async def send_card(self, to: Recipient, card: Card, *, card_id: str, attempt: int) -> Sent:
        await self._reach("card", attempt)
        self.calls.append(("card", (to.account.user_id, card.title, card_id)))
        return Sent({"codes": ["first"]}, "c1")

    def can_update(self, sent: SentCard, *, final: bool) -> bool:
        return self.updatable(sent, final)

    async def update_card(self, sent: SentCard, card: Card, *, attempt: int) -> Mapping[str, object]:
        await self._reach("update", attempt)
        codes = list(sent.handle.get("codes", []))  # type: ignore[call-overload]  # JSON-able by contract
        self.calls.append(("update", (sent.card_id, card.final or card.title, codes[:1])))
        return {**sent.handle, "codes": codes[1:]}

    def note_tap(self, sent: SentCard, tap: Tap) -> Mapping[str, object]:
        codes = list(sent.handle.get("codes", []))  # type: ignore[call-overload]  # JSON-able by contract
        return {**sent.handle, "codes": [*codes, tap.code]}

    async def send_file(
        self, to: Recipient, name: str, media_type: str, content: bytes, *, key: str, attempt: int
    ) -> Sent:
        await self._reach("file", attempt)
        self.calls.append(("file", (to.account.user_id, name, media_type, len(content), key)))
        return Sent({}, "f1")

    async def fetch_file(self, ref: str) -> bytes:
        return ref.encode()

    async def create_group(
        self, name: str, owner: Account, members: Sequence[Account], *, key: str, attempt: int = 1
    ) -> GroupMade:
        await self._reach("group", attempt)
        self.calls.append(("group", (name, owner.user_id, [m.user_id for m in members], key)))
        return GroupMade(f"group-{key}")

    async def change_group(
        self,
        chat_id: str,
        *,
        add: Sequence[Account] = (),
        remove: Sequence[Account] = (),
        name: str = "",
        handle: str = "",  # noqa: ARG002 - the Protocol's name
    ) -> GroupMade:
        self.calls.append(("regroup", (chat_id, [m.user_id for m in add], [m.user_id for m in remove], name)))
        return GroupMade(chat_id)

    def told(self, what: str) -> list[Any]:
        return [details for kind, details in self.calls if kind == what]


@dataclass
class Entry:
    """Stands in for `handlers.entry`: `handler` gets every item of known staff."""

    handler: Callable[[Context], Awaitable[None]]
    strangers: list[str] = field(default_factory=list)

    async def handle(self, ctx: Context) -> None:
        await self.handler(ctx)

    async def handle_stranger(self, inbound: Inbound, _here: Recipient, _uow: UnitOfWork) -> None:
        self.strangers.append(inbound.account.user_id)


@dataclass
class View:
    """A renderer whose card is whatever the test sets; once it is `over`, nobody is sent it any more."""

    card: Card | None = None
    over: bool = False

    async def __call__(
        self, _uow: UnitOfWork, _subject: SubjectRef, params: Mapping[str, str], _who: Account, trace: str
    ) -> Card | None:
        refused = self.card is None or (self.over and "new" in params)
        return None if refused or self.card is None else replace(self.card, footer=trace[:8])


def card(title: str = "待审批", *, final: str = "") -> Card:
    return Card(kind="order", subject=SUBJECT, title=title, summary=f"订单：{final or title}", final=final)


NO_ROUTES: Routes = compile_routes({})


@dataclass
class Small:
    """What a dispatcher or deliverer needs, without HTTP."""

    db: Database
    clock: ManualClock
    scene: Scene
    metrics: Metrics
    door: Door
    receiver: Receiver

    @property
    def doors(self) -> Mapping[tuple[str, str], Door]:
        return {(self.door.platform, self.door.app): self.door}

    async def receive(self, item: Verified) -> bool:
        return await self.receiver.receive(PLATFORM, APP, item)

    def advance(self, seconds: float) -> None:
        """Move the clock and let the pumps see it at once."""
        self.clock.advance(seconds)
        self.db.inbox.wake.set()
        self.db.outbox.wake.set()

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        import sqlalchemy as sa

        found = await self.db.read(lambda connection: connection.execute(sa.text(sql)).all())
        return [tuple(row) for row in found]


@asynccontextmanager
async def small(folder: Path) -> AsyncIterator[Small]:
    clock = ManualClock(NOW)
    db = open_database(f"sqlite+aiosqlite:///{folder / 'desk.db'}", clock=clock, data_key=KEY)
    await db.upgrade()
    metrics = Metrics()
    doors = {(PLATFORM, APP): CAPABILITIES}
    scene = Scene(clock=clock, policies=Policies(), directory=People(), shops={}, doors=doors)
    try:
        yield Small(db, clock, scene, metrics, Door(), Receiver(db.inbox, metrics))
    finally:
        await db.close()


async def until(
    condition: Callable[[], object] | Callable[[], Awaitable[object]], seconds: float = 20.0
) -> None:
    """Wait for something that must come; the limit only keeps a broken test from hanging."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.005)
