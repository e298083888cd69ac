"""Several connections of one app, as several `web` replicas hold them, against the simulator's gateway."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from cards.door import Verified
from domain.chat import Message, Tap
from integrations.chat.dingtalk import DingTalkDoor
from integrations.chat.dingtalk.stream_stats import StreamTiming
from tests.integrations.dingtalk_kit import CARD, HANG_SECONDS, LIN, QUICK, ZHOU, Desk, desk, eventually


@dataclass
class Table:
    """The inbox that all replicas share: one row for a key, whoever brings it."""

    rows: dict[str, Verified] = field(default_factory=dict)
    brought: list[tuple[str, str]] = field(default_factory=list)  # (replica, key)


@dataclass
class Replica:
    name: str
    door: DingTalkDoor
    table: Table
    away: bool = False  # its database
    running: asyncio.Task[None] | None = None

    async def receive(self, verified: Verified) -> bool:
        await asyncio.sleep(0)
        if self.away:
            raise OSError("the database does not answer")
        self.table.brought.append((self.name, verified.key))
        fresh = verified.key not in self.table.rows
        self.table.rows.setdefault(verified.key, verified)
        return fresh

    async def start(self) -> None:
        self.running = asyncio.create_task(self.door.run_stream(self.receive))
        await eventually(lambda: self.door.stream_stats.connections)

    async def stop(self) -> None:
        """As SIGTERM does."""
        await self.door.stop()
        if self.running is not None:
            await self.running
            self.running = None


@dataclass
class Fleet:
    at: Desk
    table: Table
    session: aiohttp.ClientSession
    timing: StreamTiming
    members: list[Replica] = field(default_factory=list)

    async def join(self) -> Replica:
        name = f"web-{len(self.members) + 1}"
        door = DingTalkDoor("main", self.at.door.settings, self.session, self.at.kit.world.clock, self.timing)
        self.members.append(Replica(name, door, self.table))
        await self.members[-1].start()
        return self.members[-1]

    def live(self) -> list[Any]:
        return [c for c in self.at.kit.sim.courier.connections() if not c.draining and not c.dead]

    def texts(self) -> Counter[str]:
        parsed = [self.at.door.parse(v.kind, v.payload, v.key) for v in self.table.rows.values()]
        return Counter(found.text for found in parsed if isinstance(found, Message))

    def delivered(self, said: list[dict[str, Any]]) -> bool:
        messages = self.at.kit.sim.tenant.messages
        return all(messages[found["message_id"]].delivery == "delivered" for found in said)

    async def until_delivered(self, said: list[dict[str, Any]]) -> None:
        """Let the platform's time pass, redelivery by redelivery."""
        async with asyncio.timeout(HANG_SECONDS):
            while not self.delivered(said):
                await self.at.kit.pass_time(61)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def fleet(size: int, timing: StreamTiming = QUICK) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(desk(timing))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        together = Fleet(at, Table(), session, timing)
        try:
            for _ in range(size):
                await together.join()
            yield together
        finally:
            await asyncio.gather(*(member.stop() for member in together.members))


async def test_each_replica_has_its_own_connection_and_a_push_goes_to_one_of_them() -> None:
    async with fleet(3) as all_three:
        assert len(all_three.live()) == 3
        said = [await all_three.at.kit.say(LIN, f"第{n}句") for n in range(60)]
        await eventually(lambda: all_three.delivered(said))
        assert all_three.texts() == Counter(f"第{n}句" for n in range(60))
        shares = Counter(name for name, _ in all_three.table.brought)
        assert shares.keys() == {"web-1", "web-2", "web-3"}
        assert shares.total() == 60


async def test_what_one_cannot_keep_comes_to_another() -> None:
    async with fleet(2, replace(QUICK, patience=0.0)) as both:
        both.at.kit.switch(redelivery_attempts="60")
        both.members[0].away = True
        said = [await both.at.kit.say(LIN, f"第{n}句") for n in range(20)]
        await eventually(lambda: both.members[0].door.stream_stats.not_kept)
        await both.until_delivered(said)
        assert both.texts() == Counter(f"第{n}句" for n in range(20))
        assert {name for name, _ in both.table.brought} == {"web-2"}


async def test_a_rolling_restart_loses_nothing_even_if_nothing_is_sent_again() -> None:
    """Replica after replica is replaced while people talk; the platform here tries every frame only once."""
    async with fleet(2) as them:
        them.at.kit.switch(redelivery_attempts="1", monthly_messages="100000")
        talking = True
        said: list[dict[str, Any]] = []

        async def people() -> None:
            while talking:
                said.append(await them.at.kit.say(LIN, f"第{len(said)}句"))
                await asyncio.sleep(0)

        speaking = asyncio.create_task(people())
        for _ in range(8):
            old = next(member for member in them.members if member.running is not None)
            await them.join()
            heard = len(them.table.rows)
            await eventually(lambda heard=heard: len(them.table.rows) > heard + 20)  # type: ignore[misc]  # bound now
            await old.stop()
        talking = False
        await speaking
        await eventually(lambda: len(them.table.rows) == len(said))
        assert them.texts() == Counter(f"第{n}句" for n in range(len(said)))
        assert len(them.table.brought) == len(said)


async def test_lost_late_and_double_deliveries_reach_the_inbox_under_one_key() -> None:
    async with fleet(3) as them:
        kit = them.at.kit
        kit.switch(redelivery_attempts="60")
        for kind in ("lost_ack", "duplicate", "late_ack"):
            kit.plant(kind, count=5, seconds="61")
        said = [await kit.say(LIN, f"第{n}句") for n in range(15)]
        await eventually(lambda: len(them.table.rows) == 15)
        await them.until_delivered(said)
        assert them.texts() == Counter(f"第{n}句" for n in range(15))
        stopped = sum(member.door.stream_stats.duplicates for member in them.members)
        assert stopped == len(them.table.brought) - 15
        assert stopped >= 10


async def test_connections_that_break_die_or_expire_are_made_again() -> None:
    quick = replace(QUICK, ping_every=0.1, silence=1.5)
    async with fleet(3, quick) as them:
        kit = them.at.kit
        kit.switch(redelivery_attempts="60")
        for kind in ("half_dead", "torn", "disconnect"):
            kit.plant(kind)
            await kit.sim.settle()
        said = [await kit.say(LIN, f"第{n}句") for n in range(30)]
        await eventually(lambda: len(them.live()) == 3)
        reasons: Counter[str] = Counter()
        for member in them.members:
            reasons.update(member.door.stream_stats.reconnects)
        assert reasons["silence"] == sum(m.door.stream_stats.watchdog_fired for m in them.members)
        assert reasons.total() >= 2  # two faults may have struck one connection
        await them.until_delivered(said)
        assert them.texts() == Counter(f"第{n}句" for n in range(30))


async def test_the_key_of_words_stays_and_that_of_a_tap_is_its_frame() -> None:
    """A redelivery may have a new messageId (dingtalk.md §4.2): words are known by msgId, events by eventId. A tap
    carries nothing but its frame's id, so it then comes as a second tap, of the same version of the card."""
    for renewed, keys in (("off", 1), ("on", 2)):
        async with fleet(2) as both:
            kit = both.at.kit
            kit.switch(redelivery_new_message_id=renewed, card_answer_seconds="0.2")
            await both.at.door.send_card(both.at.person(ZHOU), CARD, card_id="c1", attempt=1)
            card = both.at.bot_messages(ZHOU)[-1]
            kit.plant("lost_ack", count=3)
            await kit.say(LIN, "在")
            await kit.sim.event("", "chat_disband", '{"ChatId": "chat1"}', kit.app["app"])
            await kit.sim.tap(ZHOU, card["id"], "同意", {})
            await eventually(lambda: len(both.table.brought) == 3)
            await kit.pass_time(61)
            await eventually(lambda: len(both.table.brought) == 6)
            found = Counter(key.partition(":")[0] for key in both.table.rows)
            assert found == {"robot": 1, "event": 1, "card": keys}
            parsed = [both.at.door.parse(v.kind, v.payload, "k") for v in both.table.rows.values()]
            taps = {(tap.action, tap.card_id, tap.account) for tap in parsed if isinstance(tap, Tap)}
            assert len(taps) == 1
