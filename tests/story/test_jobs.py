"""Jobs as people meet them: the list, a run with progress, a failure that comes to its owner, on both platforms."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import jobs
from bot import places
from tests.office import (
    LIN,
    PATIENCE,
    PLATFORMS,
    QIAN,
    WU,
    ZHOU,
    Office,
    Person,
    Shown,
    holds,
    open_office,
    summary,
)

both = pytest.mark.parametrize("platform", PLATFORMS)

# One file more in `jobs/`; nothing else is told about it. It does what the table `orders` of its folder says.
PLANTED = '''
"""Counts the shelves."""
import asyncio, json
from datetime import timedelta
from pathlib import Path

from domain.staff import Role
from jobs.registry import Job

ORDERS = Path({orders!r})


async def run(context):
    with (ORDERS.parent / "ran").open("a") as log:
        log.write(json.dumps([context.due.isoformat(), dict(context.args)]) + "\\n")
    while True:
        wish = json.loads(ORDERS.read_text())
        await context.progress(wish["done"], 4, "第二排货架")
        if wish["error"]:
            raise RuntimeError(wish["error"])
        if wish["done"] == 4:
            return {{"货架": 4}}
        await asyncio.sleep(0.05)


JOB = Job("shelves", "货架盘点", run, cron="0 2 * * *", owner=Role.FINANCE, limit=timedelta(minutes=1))
'''


class Shelves:
    """How the planted job shall go, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._orders = folder / "orders.json"
        self._ran = folder / "ran"
        self.wish(done=4)
        (folder / "shelves.py").write_text(PLANTED.format(orders=str(self._orders)), encoding="utf-8")

    def wish(self, done: int = 4, error: str = "") -> None:
        fresh = self._orders.with_suffix(".new")
        fresh.write_text(json.dumps({"done": done, "error": error}), encoding="utf-8")
        fresh.replace(self._orders)

    @property
    def ran(self) -> list[tuple[str, dict[str, str]]]:
        if not self._ran.exists():
            return []
        return [(due, args) for due, args in map(json.loads, self._ran.read_text().splitlines())]


@pytest.fixture
def shelves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "planted"
    folder.mkdir()
    made = Shelves(folder)
    monkeypatch.setattr(jobs, "__path__", [*jobs.__path__, str(folder)])
    everything = places.exported

    def found(place: str, name: str) -> dict[str, Any]:
        """Of the jobs only these: what the others do at 02:00 is their own story."""
        here = everything(place, name)
        return {m: here[m] for m in ("purge", "shelves")} if (place, name) == ("jobs", "JOB") else here

    monkeypatch.setattr(places, "exported", found)
    yield made
    sys.modules.pop("jobs.shelves", None)


@pytest.fixture
async def office(tmp_path: Path, shelves: Shelves) -> AsyncIterator[Office]:
    assert shelves.ran == []
    async with open_office(tmp_path / "office") as opened:
        await eventually(lambda: _registered(opened))
        yield opened


def _registered(office: Office) -> bool:
    return bool(rows(office, "SELECT name FROM jobs WHERE name = 'shelves'"))


def rows(office: Office, sql: str) -> list[tuple[Any, ...]]:
    """As they stand in the database's own file."""
    file = office.desk.settings.database.url.partition(":///")[2]
    with closing(sqlite3.connect(file)) as db:
        return db.execute(sql).fetchall()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def to_two(office: Office) -> None:
    """The clock goes to just after the next 02:00 in Shanghai (18:00 UTC)."""
    clock = office.sandbox.world.clock
    now = clock.now()
    seconds = (18 - now.hour) % 24 * 3600 - now.minute * 60 - now.second
    clock.advance(seconds + (86400 if seconds <= 0 else 0) + 1)


def cards_about(messages: list[Shown], *words: str) -> list[Shown]:
    return [m for m in messages if m.get("card") and holds(m, *words)]


@both
async def test_started_by_a_person_with_progress_on_the_same_card(
    office: Office, shelves: Shelves, platform: str
) -> None:
    shelves.wish(done=1)
    await office.say(platform, QIAN, "运行 货架盘点 2026-01-04 shop=tmall")
    card = await office.card(platform, QIAN, "货架盘点", "date=2026-01-04")
    await eventually(lambda: rows(office, "SELECT 1 FROM job_runs WHERE job = 'shelves' AND done = 1"))
    await office.tap(platform, QIAN, card, "刷新进度")
    await office.card(platform, QIAN, "货架盘点 在跑", "1/4（25%）", "第二排货架")
    await office.say(platform, ZHOU, "运行 shelves")
    await office.text(platform, ZHOU, "货架盘点 正在跑 1/4", "不再重复开始")
    shelves.wish(done=4)
    await office.card(platform, QIAN, "货架盘点 完成", "货架 4")
    await office.quiet()
    shown = cards_about(await office.messages(platform, QIAN), "货架盘点", "date=2026-01-04")
    assert len({m["id"] for m in shown}) == 1
    assert [args for _, args in shelves.ran] == [{"date": "2026-01-04", "shop": "tmall"}]


@both
async def test_a_failure_comes_to_its_owner_and_is_run_again_once(
    office: Office, shelves: Shelves, platform: str
) -> None:
    shelves.wish(error="盘点机没有应答，请插好电源")
    to_two(office)
    for door in PLATFORMS:  # on every account of the owner
        await office.card(door, QIAN, "货架盘点 失败", "盘点机没有应答", "重跑")
    card = await office.card(platform, QIAN, "货架盘点 失败")
    shelves.wish(done=2)
    await asyncio.gather(*(office.tap(platform, QIAN, card, "重跑") for _ in range(2)))
    await eventually(lambda: len(shelves.ran) == 2)
    await office.card(
        platform, QIAN, "货架盘点 失败", "现在"
    )  # where a card may change often: in 排队, then 在跑
    shelves.wish(done=4)
    for door in PLATFORMS:
        await office.wait(door, QIAN, lambda m: holds(m, "货架盘点 已恢复"))
    await office.quiet()
    due, again = shelves.ran
    assert due == again  # the same slot, once more, and only once
    shown = cards_about(await office.messages(platform, QIAN), "货架盘点")
    assert len({m["id"] for m in shown}) == 1
    assert rows(office, "SELECT action FROM audit WHERE subject_id LIKE 'shelves%' ORDER BY id") == [
        ("job.failed",),
        ("job.rerun",),
        ("job.recovered",),
    ]


async def test_many_failures_are_one_card_and_a_new_one_after_it_recovered(
    office: Office, shelves: Shelves
) -> None:
    def ids(messages: list[Shown]) -> set[str]:
        return {m["id"] for m in cards_about(messages, "货架盘点")}

    shelves.wish(error="盘点机没有应答")
    for night in range(1, 4):
        to_two(office)
        await eventually(lambda night=night: len(shelves.ran) == night)  # type: ignore[misc]  # bound now
    card = await office.card("dingtalk", QIAN, "货架盘点 已失败 3 次")
    await office.quiet()
    assert ids(await office.messages("dingtalk", QIAN)) == {card["id"]}
    shelves.wish(done=4)
    to_two(office)
    await office.card("dingtalk", QIAN, "货架盘点 已恢复", "共失败 3 次")
    shelves.wish(error="又没有应答")
    to_two(office)
    await office.card("dingtalk", QIAN, "货架盘点 失败", "又没有应答")
    assert len(ids(await office.messages("dingtalk", QIAN))) == 2


@both
@pytest.mark.usefixtures("shelves")
async def test_the_list(office: Office, platform: str) -> None:
    to_two(office)
    await eventually(lambda: rows(office, "SELECT 1 FROM job_runs WHERE job = 'shelves' AND state = 'done'"))
    theirs = await pages(office, platform, QIAN)
    assert "货架盘点 每天 02:00：货架 4" in theirs
    assert "下次" in theirs
    assert "清理旧数据" not in theirs
    assert "清理旧数据" in await pages(office, platform, WU)
    await office.say(platform, LIN, "任务")
    await office.card(platform, LIN, "没有归你管的任务")
    await office.say(platform, QIAN, "任务 货架盘点")
    await office.card(platform, QIAN, "货架盘点 完成", "用时")


async def pages(office: Office, platform: str, who: Person) -> str:
    """Everything the list shows, turned page by page on one card."""
    await office.say(platform, who, "任务")
    card = await office.card(platform, who, "任务", "第 1/")
    texts = [summary(card)]
    last = int(texts[0].split("第 1/")[1].split(" ")[0])
    for page in range(2, last + 1):
        await office.tap(platform, who, card, "下一页")
        card = await office.card(platform, who, f"第 {page}/{last} 页")
        texts.append(summary(card))
    await office.tap(platform, who, card, "刷新")
    return "\n".join(texts)


@both
async def test_slips_and_rights(office: Office, shelves: Shelves, platform: str) -> None:
    await office.say(platform, QIAN, "运行")
    await office.text(platform, QIAN, "请写任务名", "shelves（货架盘点）")
    await office.say(platform, QIAN, "运行 shelvse")
    await office.text(platform, QIAN, "没有任务“shelvse”", "是不是：运行 shelves（货架盘点）")
    await office.say(platform, QIAN, "运行 huojiapandian")
    await office.text(platform, QIAN, "没有任务“huojiapandian”", "是不是：运行 shelves")
    await office.say(platform, QIAN, "运行 shelves 2026-02-30")
    await office.text(platform, QIAN, "没看懂“2026-02-30”")
    await office.say(platform, QIAN, "运行 purge")
    await office.text(platform, QIAN, "你不能运行 清理旧数据")
    await office.say(platform, LIN, "运行 shelves")
    await office.text(platform, LIN, "没有归你管的任务")
    assert shelves.ran == []


async def test_two_at_once_are_one_run(office: Office, shelves: Shelves) -> None:
    shelves.wish(done=1)
    await asyncio.gather(
        office.say("wecom", QIAN, "运行 shelves"), office.say("dingtalk", ZHOU, "运行 shelves")
    )
    await eventually(lambda: shelves.ran)
    await office.quiet()
    shelves.wish(done=4)
    await eventually(lambda: rows(office, "SELECT 1 FROM job_runs WHERE job = 'shelves' AND state = 'done'"))
    assert len(rows(office, "SELECT id FROM job_runs WHERE job = 'shelves'")) == 1
    told = [summary(m) for m in await office.messages("wecom", QIAN)]
    told += [summary(m) for m in await office.messages("dingtalk", ZHOU)]
    assert len([text for text in told if "不再重复开始" in text or "不用再发" in text]) == 1


async def test_metrics_tell_of_runs(office: Office, shelves: Shelves) -> None:
    shelves.wish(error="x")
    to_two(office)
    await eventually(
        lambda: rows(office, "SELECT 1 FROM job_runs WHERE job = 'shelves' AND state = 'failed'")
    )
    async with aiohttp.ClientSession() as http, http.get(f"{office.base[:-8]}/metrics") as answer:
        page = await answer.text()
    assert 'qianshao_job_runs_total{job="shelves",outcome="failed"} 1.0' in page
    assert 'qianshao_job_seconds_count{job="shelves"} 1.0' in page
    assert 'qianshao_job_late_seconds_count{job="shelves"} 1.0' in page
