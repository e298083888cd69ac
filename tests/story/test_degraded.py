"""When a part is away people see it, what still works does, and what waited is caught up with (docs/operations/
degraded.md has a line for each of these)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

import bot.condition
from bot.settings import CacheSettings, DatabaseSettings, QueueSettings, Security, Settings
from bot.system_clock import SystemClock
from storage.database import open_database
from tests.far_servers import FarServer
from tests.office import (
    LIN,
    PATIENCE,
    PLATFORMS,
    QIAN,
    ZHOU,
    Office,
    Person,
    Shown,
    holds,
    open_office,
    summary,
)
from tests.wire import Wire

OTHER = {"wecom": "dingtalk", "dingtalk": "wecom"}
DATA_KEY = "07" * 32
DOWN = {"wecom": "5xx", "dingtalk": "5xx", "taobao": "reset"}


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are not told of what is over within half a minute; nobody wants to wait for that here."""
    monkeypatch.setattr(bot.condition, "TELL_SECONDS", 0.0)


async def down(office: Office, system: str) -> None:
    await office.post("/faults", {"system": system, "kind": DOWN[system], "rate": 1})


async def up(office: Office) -> None:
    async with office.http.delete(f"{office.base}/faults") as answer:
        assert answer.status == 200


async def readyz(office: Office) -> tuple[int, dict[str, Any]]:
    async with office.http.get(f"{office.base.removesuffix('/sandbox')}/readyz") as answer:
        return answer.status, await answer.json()


async def metrics(office: Office) -> str:
    async with office.http.get(f"{office.base.removesuffix('/sandbox')}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def impaired(office: Office, part: str, *, gone: bool = False) -> dict[str, Any]:
    """Once /readyz lists the part, its line; with `gone` once it does not."""
    lines: dict[str, dict[str, Any]] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                _, body = await readyz(office)
                lines = {line["part"]: line for line in body["impaired"]}
                if (part in lines) is not gone:
                    return lines.get(part, {})
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{part}: /readyz lists {lines}") from None


async def catch_up(office: Office, condition: Callable[[], Any]) -> None:
    """Let the waits between tries pass, by the desk's clock, until it is so."""
    async with asyncio.timeout(PATIENCE * 2):
        while not await condition():
            await office.post("/clock", {"advance": 10})
            await asyncio.sleep(0.2)


async def heard(office: Office, platform: str, who: Person) -> list[Shown]:
    return [m for m in await office.messages(platform, who) if m["from"] == "bot"]


# ── a chat platform ──


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_platform_that_takes_nothing_gets_everything_in_order_afterwards(
    office: Office, platform: str
) -> None:
    await down(office, platform)
    for n in range(4):
        await office.say(platform, LIN, f"没有这回事{n}")
    await office.say(platform, QIAN, "也没有这回事")

    async def broken() -> bool:
        await office.desk.condition.round()
        return f"{platform}:main" in office.desk.condition.troubles

    await catch_up(office, broken)
    line = await impaired(office, f"{platform}:main")
    assert line["since"]
    assert "条消息在等，恢复后按顺序发出" in line["works"]
    assert f'qianshao_impaired{{part="{platform}:main"}} 1.0' in await metrics(office)
    # The other platform works as ever, and that is where the people in charge hear of it.
    await office.say(OTHER[platform], LIN, "没有别的事")
    await office.text(OTHER[platform], LIN, "没有别的事")
    await office.text(OTHER[platform], ZHOU, "发不出消息")
    assert await heard(office, platform, LIN) == []

    await up(office)

    async def answered() -> bool:
        return sum("没有这回事" in summary(m) for m in await heard(office, platform, LIN)) == 4

    await catch_up(office, answered)
    texts = [summary(m) for m in await heard(office, platform, LIN)]
    assert [n for text in texts for n in range(4) if f"没有这回事{n}" in text] == [0, 1, 2, 3]
    await impaired(office, f"{platform}:main", gone=True)
    await office.text(OTHER[platform], ZHOU, "已恢复", "发不出消息")
    told = [summary(m) for m in await heard(office, OTHER[platform], ZHOU)]
    assert sum("发不出消息" in text for text in told) == 2, "once at the beginning, once at the end"


async def test_a_stream_that_is_not_connected_is_listed_while_sending_goes_on(office: Office) -> None:
    closed = {"system": "dingtalk", "kind": "5xx", "args": {"path": "/gateway/connections/open"}}
    await office.post("/faults", {**closed, "rate": 1})
    await office.post("/faults", {"system": "dingtalk", "kind": "disconnect", "count": 1})
    line = await impaired(office, "dingtalk:main:stream")
    assert "发消息不受影响" in line["works"]
    await office.say("wecom", LIN, "没有这回事")
    await office.text("wecom", LIN, "没有这回事")
    await office.say("dingtalk", LIN, "没有别的事")
    await up(office)

    async def answered() -> bool:
        return any("没有别的事" in summary(m) for m in await heard(office, "dingtalk", LIN))

    # connections are re-made in real time; a clock that runs ahead would use up the platform's three pushes first
    await impaired(office, "dingtalk:main:stream", gone=True)
    await catch_up(office, answered)  # the platform pushes again what nobody acknowledged


# ── a shop ──


async def test_while_the_shop_is_down_the_last_known_state_is_shown_with_its_age(office: Office) -> None:
    number = await office.order("129.00")
    await down(office, "taobao")
    await office.say("wecom", LIN, f"查单 {number}")
    card = await office.card("wecom", LIN, number, "129.00")
    assert "数据 " in summary(card)
    await office.tap("wecom", LIN, card, "刷新")
    await office.text("wecom", LIN, "暂时连不上，卡片是", "的状态，请稍后再刷新")
    await office.say("dingtalk", LIN, "查单 4999999999999999999")
    await office.text("dingtalk", LIN, "暂时连不上，没问到")


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_an_approved_refund_waits_for_the_shop_says_so_and_is_paid_once(
    office: Office, platform: str
) -> None:
    number = await office.order("129.00")
    await office.say(platform, LIN, f"退款 {number} 100 破损")
    card = await office.wait(platform, QIAN, lambda m: holds(m, "100.00", "同意"))
    rf = next(word for word in summary(card).replace("\n", " ").split() if word.startswith("RF"))
    await down(office, "taobao")
    await office.say(platform, QIAN, f"同意 {rf}")

    async def waits() -> bool:
        return any(holds(m, rf, "恢复后自动退款，只退一次") for m in await heard(office, platform, LIN))

    await catch_up(office, waits)
    await office.say(platform, LIN, f"退款单 {rf}")
    await office.card(platform, LIN, "等待店铺恢复")
    assert await office.refunds() == []
    await up(office)

    async def paid() -> bool:
        return any(holds(m, rf, "已退款") for m in await heard(office, platform, LIN))

    await catch_up(office, paid)
    await office.quiet()
    assert len(await office.refunds()) == 1
    assert not any("等待店铺恢复" in summary(m) for m in await heard(office, platform, LIN)), (
        "no card is left behind"
    )


async def test_a_shop_that_does_not_answer_is_listed_with_how_old_its_data_is(office: Office) -> None:
    await down(office, "taobao")

    async def listed() -> bool:
        await office.desk.condition.round()
        return "shop:tmall-flagship" in office.desk.condition.troubles

    await catch_up(office, listed)
    line = await impaired(office, "shop:tmall-flagship")
    assert "查单给出最后知道的状态" in line["works"]
    await up(office)
    await catch_up(office, lambda: _sound(office, "shop:tmall-flagship"))


async def _sound(office: Office, part: str) -> bool:
    await office.desk.condition.round()
    return part not in office.desk.condition.troubles


# ── more than can be done ──


async def test_in_a_busy_hour_everybody_who_waits_is_told_once_and_answered_in_the_end(
    tmp_path: Path,
) -> None:
    def busy_soon(settings: Settings) -> Settings:
        return replace(settings, queue=QueueSettings(busy_seconds=0.5))

    async with open_office(tmp_path, change=busy_soon) as office:
        await office.desk.dispatcher.stop(10)  # so that nothing is done while more comes in
        for n in range(3):
            await office.say("wecom", LIN, f"没有这回事{n}")
        await office.say("dingtalk", QIAN, "也没有这回事")
        await office.text("wecom", LIN, "现在消息多，已收到", "不用重发")
        await office.text("dingtalk", QIAN, "现在消息多，已收到", "不用重发")
        for platform in PLATFORMS:
            await office.text(platform, ZHOU, "消息积压", "一条不丢")
        status, body = await readyz(office)
        assert status == 200, "a busy desk goes on acknowledging"
        assert body["inbox"]["busy"]
        assert body["inbox"]["depth"] == 4
        assert "\nqianshao_busy 1.0\n" in await metrics(office)
        await office.say("wecom", LIN, "没有这回事3")  # still taken in

        office.desk.dispatcher.start()
        await office.text("wecom", LIN, "没有这回事3")
        await office.text("dingtalk", QIAN, "也没有这回事")
        await office.text("wecom", ZHOU, "已恢复", "消息积压")
        assert not (await readyz(office))[1]["inbox"]["busy"]
        texts = [summary(m) for m in await heard(office, "wecom", LIN)]
        assert sum("现在消息多" in text for text in texts) == 1
        assert len(texts) == 5
        told = [summary(m) for m in await heard(office, "wecom", ZHOU)]
        assert sum("消息积压" in text for text in told) == 2


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_is_refused_at_the_bound_is_repeated_by_the_platform_and_answered_once(
    office: Office, platform: str
) -> None:
    """On WeCom a 503; on Stream a frame that is not acknowledged."""
    admission = office.desk.receiver.admission
    admission.limit = 0
    refused = office.desk.metrics.refused.labels(platform, "full")._value
    await office.say(platform, LIN, "没有这回事")
    async with asyncio.timeout(PATIENCE):
        while not refused.get():
            await asyncio.sleep(0.02)
    assert (await office.desk.db.inbox.depth())["ready"] == 0
    admission.limit = 1000

    async def answered() -> bool:
        return bool(await heard(office, platform, LIN))

    await catch_up(office, answered)
    await office.quiet()
    assert len(await heard(office, platform, LIN)) == 1


# ── the database ──


@asynccontextmanager
async def office_on_postgres(
    folder: Path, url: str, queue: str = "memory://", cache: str = "memory://"
) -> AsyncIterator[tuple[Office, Wire]]:
    """The whole company on PostgreSQL, behind a wire that can be cut; `queue`: the engine between processes, `cache`:
    where tokens and limits are shared."""
    there = make_url(url)
    assert there.port is not None
    with Wire(there.port) as wire:
        through = there.set(port=wire.port, drivername="postgresql+asyncpg")
        address = through.render_as_string(hide_password=False)

        def on_postgres(settings: Settings) -> Settings:
            return replace(
                settings,
                database=DatabaseSettings(address),
                security=Security(DATA_KEY),
                queue=QueueSettings(queue),
                cache=CacheSettings(cache),
            )

        db = open_database(address, clock=SystemClock(), data_key=bytes.fromhex(DATA_KEY))
        await db.upgrade()
        await db.close()
        async with open_office(folder, change=on_postgres) as office:
            office.sandbox.world.switches |= {"wecom.deliveries": "60", "wecom.retry_spacing_s": "0.4"}
            try:
                yield office, wire
            finally:
                wire.heal()


async def unready(office: Office) -> dict[str, Any]:
    """/readyz once it is 503, as a load balancer sees it; it answers however long the database takes."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, body = await readyz(office)
            if status == 503 and any(line["part"] == "database" for line in body["impaired"]):
                return body
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("fault", ["gone", "silent"])
async def test_without_a_database_nothing_is_acknowledged_and_the_repeats_are_answered_once(
    tmp_path: Path, postgres_database: str, fault: str
) -> None:
    async with office_on_postgres(tmp_path, postgres_database) as (office, wire):
        await office.say("wecom", LIN, "还好的时候")
        await office.text("wecom", LIN, "还好的时候")
        wire.down() if fault == "gone" else wire.hold()
        await office.say("wecom", LIN, "数据库不在")
        await office.say("dingtalk", QIAN, "数据库不在")
        body = await unready(office)
        assert body["problems"][0].startswith("database: ")
        (line,) = [line for line in body["impaired"] if line["part"] == "database"]
        assert "平台会重发" in line["works"]
        assert line["since"]
        assert 'qianshao_impaired{part="database"} 1.0' in await metrics(office)
        unstored = office.desk.metrics.unstored.labels("wecom")._value
        async with asyncio.timeout(PATIENCE):
            while not unstored.get():
                await asyncio.sleep(0.05)

        wire.heal()
        for platform, who in (("wecom", LIN), ("dingtalk", QIAN)):

            async def answered(platform: str = platform, who: Person = who) -> bool:
                return any("数据库不在" in summary(m) for m in await heard(office, platform, who))

            await catch_up(office, answered)
        await impaired(office, "database", gone=True)
        assert (await readyz(office))[0] == 200
        await office.text("wecom", ZHOU, "已恢复", "数据库")
        await office.quiet()
        for platform, who in (("wecom", LIN), ("dingtalk", QIAN)):
            texts = [summary(m) for m in await heard(office, platform, who)]
            assert sum("数据库不在" in text for text in texts) == 1


async def test_a_slow_database_makes_answers_late_and_loses_none(
    tmp_path: Path, postgres_database: str
) -> None:
    async with office_on_postgres(tmp_path, postgres_database) as (office, wire):
        number = await office.order("129.00")
        wire.delay(0.12)
        for platform in PLATFORMS:
            await office.say(platform, LIN, f"查单 {number}")
        line = await impaired(office, "database")
        assert line["title"] == "数据库慢"
        for platform in PLATFORMS:
            await office.card(platform, LIN, number, "129.00")
        assert (await readyz(office))[0] == 200
        wire.heal()
        await impaired(office, "database", gone=True)


# ── the queue engine ──


@pytest.mark.parametrize("engine", ["redis_server", pytest.param("rabbit_server", marks=pytest.mark.rabbit)])
async def test_without_the_queue_engine_nothing_is_lost_and_everything_is_answered(
    tmp_path: Path, postgres_database: str, request: pytest.FixtureRequest, engine: str
) -> None:
    server: FarServer = request.getfixturevalue(engine)
    async with office_on_postgres(tmp_path, postgres_database, server.url) as (office, _wire):
        number = await office.order("129.00")
        await impaired(office, "queue", gone=True)
        await asyncio.to_thread(server.kill)
        line = await impaired(office, "queue")
        assert line["since"]
        assert "一条不丢" in line["works"]
        for platform in PLATFORMS:
            await office.say(platform, LIN, f"查单 {number}")
            await office.card(platform, LIN, number, "129.00")
            await office.text(platform, ZHOU, "队列引擎", "连不上")
        assert (await readyz(office))[0] == 200
        await asyncio.to_thread(server.start)
        await impaired(office, "queue", gone=True)
        await office.text("wecom", ZHOU, "已恢复", "队列引擎")
        await office.say("wecom", LIN, "没有这回事")
        await office.text("wecom", LIN, "没有这回事")


# ── what the fleet shares ──


async def test_without_the_shared_limits_each_process_goes_on_with_its_share(
    tmp_path: Path, postgres_database: str, redis_server: FarServer
) -> None:
    async with office_on_postgres(tmp_path, postgres_database, cache=redis_server.url) as (office, _wire):
        number = await office.order("129.00")
        await impaired(office, "cache", gone=True)
        await asyncio.to_thread(redis_server.kill)
        line = await impaired(office, "cache")
        assert "一条不丢" in line["works"]
        for platform in PLATFORMS:
            await office.say(platform, LIN, f"查单 {number}")
            await office.card(platform, LIN, number, "129.00")
        assert (await readyz(office))[0] == 200
        await asyncio.to_thread(redis_server.start)
        await impaired(office, "cache", gone=True)
        await office.text("wecom", ZHOU, "已恢复", "缓存 Redis")
