"""A day that is recorded: orders looked up, refunds by rule, approved and rejected, a red light, the morning's digest.

`python -m tests.story.recorded_day` writes the day of `tests/fixtures/replay` anew (docs/replay.md).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from bot.cli import main as run
from bot.commands.sandbox import credentials
from bot.job_settings import JobSettings
from bot.sandbox_settings import settings_data
from bot.settings import Settings
from domain.clock import SHANGHAI, shanghai
from sandbox.app import build_sandbox
from tests.office import LIN, PLATFORMS, QIAN, ZHAO, ZHOU, Office, open_office, summary

DAY_FILE = Path(__file__).parent.parent / "fixtures" / "replay" / "day.replay"
SOON = timedelta(seconds=5)
# The clock goes by leaps, so every shop seems to be late at once, in an order of milliseconds.
MORE: dict[str, Any] = {"jobs": {"gauges": {"enabled": False}}}


def next_day() -> date:
    """The first day whose morning is still to come: no digest is missed by the first leap."""
    now = shanghai(datetime.now(UTC))
    return now.date() if now.time() < time(8, 20) else now.date() + timedelta(days=1)


async def move(office: Office, day: date, hour: int, minute: int = 0) -> None:
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)
    await office.post("/clock", {"now": moment.isoformat()})
    await settled(office)


async def morning(office: Office, day: date) -> None:
    """First the shops are read, then the digest is counted: what happens at once happens in any order."""
    await move(office, day, 8, 31)
    await move(office, day, 8, 33)
    await move(office, day, 8, 38)


async def settled(office: Office) -> None:
    """The watches and the schedule have seen the clock where it is now, and everything is done; what is put together
    for a second or two (a fold's new picture) as well, or it would meet the next leap."""
    async with asyncio.timeout(60):
        for _ in range(3):
            await asyncio.sleep(0.3)
            await office.quiet()
            while office.desk.scheduler.in_hand or await _soon(office):
                await asyncio.sleep(0.02)
            await office.quiet()


async def _soon(office: Office) -> bool:
    due = await office.desk.db.outbox.next_due()
    return due is not None and due < office.desk.clock.now() + SOON


async def sold(office: Office, buyer: str, amount: str = "129.00") -> str:
    """An order that only the shop knows of."""
    goods = [{"title": "北欧布艺沙发套", "sku": "SOFA-GREY-3", "num": 1, "price": amount}]
    wish = {"payment": amount, "status": "paid", "items": goods, "buyer": buyer}
    made = await office.post("/orders", {"shop": "tmall-flagship", "orders": [wish]})
    return str(made["orders"][0]["platform_order_id"])


async def refund(office: Office, platform: str, number: str, words: str) -> str:
    await office.say(platform, LIN, f"退款 {number} {words}")
    card = await office.card(platform, LIN, "退款 ¥", number, "RF")
    return next(word for word in summary(card).split() if word.startswith("RF"))


async def live(office: Office) -> dict[str, Any]:
    """The day, as people live it; what they saw, for assertions."""
    day = next_day()
    await morning(office, day)
    await move(office, day, 9, 30)
    numbers = [await sold(office, f"buyer-{n}") for n in range(4)]
    await office.post("/clock", {"advance": 90})  # now the shop's lists show them
    seen: dict[str, Any] = {"numbers": numbers, "refunds": {}}
    for platform, number in zip(PLATFORMS, numbers[:2], strict=True):
        await office.say(platform, LIN, number)  # not known here: the shop is asked
        await office.card(platform, LIN, number, "¥129.00", "已付款")
        await office.say(platform, LIN, "找不到的单 98765432101234")
        await settled(office)
        small = await refund(office, platform, number, "30 少发一件")
        await office.card(platform, LIN, small, "已退款", "小额免审")
        seen["refunds"][f"{platform} auto"] = small
        await settled(office)
    for platform, number in zip(PLATFORMS, numbers[2:], strict=True):
        await office.say(platform, LIN, number)
        await office.card(platform, LIN, number, "¥129.00")
        await settled(office)
        asked = await refund(office, platform, number, "100 破损")
        await office.card(platform, QIAN, asked, "待审批", "同意", "驳回")
        await settled(office)
        seen["refunds"][platform] = asked
        if platform == "wecom":
            await office.tap(platform, QIAN, await office.card(platform, QIAN, asked), "同意")
            await office.card(platform, LIN, asked, "已退款")
        else:
            await office.tap(platform, QIAN, await office.card(platform, QIAN, asked), "驳回")
            choosing = await office.card(platform, QIAN, asked, "请选驳回原因", "凭证不足")
            await settled(office)
            await office.tap(platform, QIAN, choosing, "凭证不足")
            await office.card(platform, LIN, asked, "已驳回", "凭证不足")
        await settled(office)
    await move(office, day + timedelta(days=1), 1, 30)
    await move(office, day + timedelta(days=1), 2, 30)  # the books of the night
    await morning(office, day + timedelta(days=1))
    await office.card("wecom", ZHOU, "日报", "新订单")
    await move(office, day + timedelta(days=1), 21, 40)
    await office.card("dingtalk", ZHAO, "待发货", "🟡")
    await move(office, day + timedelta(days=2), 1, 30)
    await move(office, day + timedelta(days=2), 2, 30)
    await morning(office, day + timedelta(days=2))
    await move(office, day + timedelta(days=2), 10)
    await office.card("dingtalk", ZHAO, "🔴")
    await office.say("dingtalk", ZHAO, "预警")
    await settled(office)
    return seen


def settings_of(office: Office, folder: Path, journal: Path) -> dict[str, Any]:
    """The office's settings as its administrator would have written them."""
    data = settings_data(credentials(office.sandbox), port=8080, folder=folder)
    return {**data, **MORE, "replay": {"record": str(journal)}}


def write_config(folder: Path, data: dict[str, Any]) -> Path:
    """Settings as an administrator keeps them, beside the database of `folder`."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return file


def sandbox_config(folder: Path) -> Path:
    """The people, doors and shops that every recorded day knows; their secrets are drawn anew: nobody asks for them."""
    sandbox = build_sandbox(path=folder / "world.db")
    sandbox.world.base = "http://127.0.0.1:9/sandbox"  # nobody is there
    return write_config(folder, settings_data(credentials(sandbox), port=8080, folder=folder) | MORE)


async def live_and_keep(folder: Path) -> Path:
    """Live the day in `folder`, journal and all; the settings to make a recording of it with."""
    journal = folder / "journal"

    def change(settings: Settings) -> Settings:
        return replace(settings, jobs={"gauges": JobSettings(enabled=False)})

    async with open_office(folder, record=journal, change=change) as office:
        await live(office)
        return write_config(folder, settings_of(office, folder, journal))


def main(argv: Sequence[str]) -> int:
    """Write the day of the fixtures anew, or the settings to replay it with by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.story.recorded_day")
    parser.add_argument("--config", type=Path, metavar="FOLDER", help="only write FOLDER/config.yaml")
    args = parser.parse_args(argv)
    if args.config is not None:
        args.config.mkdir(parents=True, exist_ok=True)
        print(sandbox_config(args.config))
        return 0
    with tempfile.TemporaryDirectory(prefix="qianshao-day-") as name:
        config = asyncio.run(live_and_keep(Path(name)))
        DAY_FILE.parent.mkdir(parents=True, exist_ok=True)
        DAY_FILE.unlink(missing_ok=True)
        return run(["replay", "--record", str(DAY_FILE), "--plain", "--config", str(config)])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
