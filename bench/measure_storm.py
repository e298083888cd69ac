"""Five hundred orders late in one second, through both platforms' real limits: messages, seconds to red."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import perf_counter

from bench.figures import Aim, Figure, one
from domain.money import Money
from storage.bulk import upsert_orders
from tests.office import LIN, PLATFORMS, QIAN, SUN, WU, ZHAO, ZHOU, Office, Shown, open_office, summary
from tests.samples import order

NAME = "storm"
METHOD = """\
The whole desk with the simulated WeCom and DingTalk over loopback HTTP and sockets, their limits on (WeCom drops what
exceeds 30 messages a minute to one member). 500 paid orders whose shipping limits lie 2 ms apart; the clock is moved
from the hour of payment to one second before the first limit, so that yellow and red come together. Counted: every
message about them on either platform to anybody. The seconds run from the first limit to the first red card a person
sees, and to the card that shows all 500, on DingTalk, whose cards can be updated at any time. The peer is one message
for each order."""

BREACHES = 500
PATIENCE = 60.0
RED_AT = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
LIMIT = timedelta(hours=48)


async def run(quick: bool) -> list[Figure]:
    breaches = BREACHES // 5 if quick else BREACHES
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-storm-") as folder:
        async with open_office(Path(folder)) as office:
            messages, first, last = await _storm(office, breaches)
    return [
        Figure(
            name=f"messages for {breaches} orders late in one second",
            unit="messages",
            ours=one(messages),
            peer=one(breaches),
            peer_name="one each",
            aim=Aim(at_most=5, ratio=breaches / 5),
        ),
        Figure(name="first red card seen", unit="s", ours=one(first), aim=Aim(at_most=3.0)),
        Figure(name=f"card shows all {breaches}", unit="s", ours=one(last)),
    ]


async def _storm(office: Office, breaches: int) -> tuple[int, float, float]:
    clock = office.sandbox.world.clock
    clock.set(RED_AT - LIMIT)
    paid = RED_AT - LIMIT
    await upsert_orders(
        office.desk.db,
        [
            order(
                f"51{n:016d}",
                created_at=paid,
                paid_at=paid + timedelta(milliseconds=2 * n),
                paid=Money(10000 + n),
                timeline=(),
            )
            for n in range(breaches)
        ],
        source="bench",
    )
    await _looked_at(office)
    clock.set(RED_AT - timedelta(seconds=1))
    began = perf_counter() + 1.0
    first = await _until(office, lambda text: "已超时" in text) - began
    last = await _until(office, lambda text: f"{breaches} 条待发货 已超时" in text) - began
    await office.quiet()
    return len(await _lights(office)), first, last


async def _looked_at(office: Office) -> None:
    async with asyncio.timeout(PATIENCE):
        for _ in count():
            if await office.desk.db.unit_of_work("bench").changes.oldest() is None:
                return
            await asyncio.sleep(0.05)


async def _until(office: Office, wanted: Callable[[str], bool]) -> float:
    async with asyncio.timeout(PATIENCE):
        for _ in count():
            for message in await office.messages("dingtalk", ZHAO):
                if message["from"] == "bot" and wanted(summary(message)):
                    return perf_counter()
            await asyncio.sleep(0.02)
    raise AssertionError("the time limit ends it")


async def _lights(office: Office) -> list[Shown]:
    return [
        message
        for platform in PLATFORMS
        for person in (LIN, ZHAO, QIAN, ZHOU, SUN, WU)
        for message in await office.messages(platform, person)
        if message["from"] == "bot" and any(word in summary(message) for word in ("超时", "还剩", "AL26"))
    ]
