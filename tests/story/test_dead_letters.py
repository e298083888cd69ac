"""What the machine gives up is a person's matter: told once, seen in 队列, retried or left with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from domain.chat import Account, Recipient, SubjectRef
from domain.outbox import Effect, SendText
from handlers.router import Context
from storage.tables import audit, outbox, outbox_attempts
from tests.office import (
    LIN,
    PATIENCE,
    PLATFORMS,
    QIAN,
    SUN,
    WU,
    ZHAO,
    ZHOU,
    Office,
    Person,
    Shown,
    holds,
    summary,
)

both = pytest.mark.parametrize("platform", PLATFORMS)
SHOP = "tmall-flagship"


@contextmanager
def shop_gone(office: Office) -> Iterator[None]:
    """The shop is taken out of the settings: what is to be done there is refused for good."""
    shops: Any = office.desk.shops
    shop = shops.pop(SHOP)
    try:
        yield
    finally:
        shops[SHOP] = shop


async def stuck_refund(office: Office, platform: str) -> str:
    """A refund that was approved and could not be carried out."""
    number = await office.order("129.00")
    await office.say(platform, LIN, f"退款 {number} 100 破损")
    card = await office.wait(platform, QIAN, lambda m: holds(m, "100.00", "同意"))
    rf = next(word for word in summary(card).replace("\n", " ").split() if word.startswith("RF"))
    with shop_gone(office):
        await office.say(platform, QIAN, f"同意 {rf}")
        await office.card(platform, ZHOU, "退款执行没做成 1 条", rf)
    return rf


async def letter_of(office: Office, platform: str, who: Person, *words: str) -> str:
    """The number of the newest letter, as the list shows it."""
    await office.say(platform, who, "队列")
    card = await office.card(platform, who, "等人处理", *words)
    line = next(line for line in summary(card).splitlines() if line[:1] in "SF" and line[1:2].isdigit())
    return line.split()[0]


async def actions(office: Office, action: str) -> int:
    statement = sa.select(sa.func.count()).where(audit.c.action == action)
    return int(await office.desk.db.read(lambda c: c.execute(statement).scalar_one()))


async def cards_of(office: Office, platform: str, who: Person, *words: str) -> list[Shown]:
    return [m for m in await office.messages(platform, who) if m.get("card") and holds(m, *words)]


@both
async def test_a_stuck_refund_is_told_retried_and_paid_once(office: Office, platform: str) -> None:
    rf = await stuck_refund(office, platform)
    for where in PLATFORMS:
        for who in (ZHOU, WU):
            await office.card(where, who, "退款执行没做成 1 条", rf, "重试")
    assert await office.refunds() == []
    card = await office.card(platform, ZHOU, "退款执行没做成 1 条")
    await office.tap(platform, ZHOU, card, "重试")
    await office.card(platform, LIN, rf, "已退款")
    for where in PLATFORMS:
        await office.card(where, ZHOU, "退款执行已处理", "已办完 1 条")
        assert len(await cards_of(office, where, ZHOU, "退款执行")) == 1
    await office.quiet()
    assert len(await office.refunds()) == 1
    await office.say(platform, WU, "队列")
    await office.card(platform, WU, "没有死信", "单进程")


@both
async def test_two_people_retry_at_once_and_one_of_them_does(office: Office, platform: str) -> None:
    rf = await stuck_refund(office, platform)
    theirs = {who: await office.card(platform, who, "退款执行没做成 1 条", rf) for who in (ZHOU, WU)}
    await asyncio.gather(*(office.tap(platform, who, card, "重试") for who, card in theirs.items()))
    await office.card(platform, LIN, rf, "已退款")
    await office.quiet()
    assert len(await office.refunds()) == 1
    assert await actions(office, "letter.retried") == 1
    told = [await office.messages(platform, who) for who in (ZHOU, WU)]
    late = [m for seen in told for m in seen if m["from"] == "bot" and holds(m, "已由", "正在重试")]
    late += [m for seen in told for m in seen if m["from"] == "bot" and holds(m, "已办完，不用再处理")]
    assert len(late) == 1


@both
async def test_given_up_with_a_reason_says_what_is_left(office: Office, platform: str) -> None:
    rf = await stuck_refund(office, platform)
    number = await letter_of(office, platform, ZHOU, "退款执行")
    await office.say(platform, ZHOU, f"队列 {number}")
    card = await office.card(platform, ZHOU, f"{number} 退款执行没做成", rf, "放弃")
    await office.tap(platform, ZHOU, card, "放弃")
    asked = await office.card(platform, ZHOU, "放弃后：退款停在“退款中”", "已人工处理")
    await office.tap(platform, ZHOU, asked, "已人工处理")
    await office.card(platform, ZHOU, number, "已由周全放弃：已人工处理", "前哨不会再退")
    await office.text(platform, LIN, rf, "周全决定不再试", "已人工处理")
    await office.card(platform, ZHOU, "退款执行已处理", "放弃 1 条")
    await office.quiet()
    assert await office.refunds() == []
    refund = await office.desk.db.unit_of_work("t").refunds.get(rf)
    assert refund is not None
    assert refund.open  # nobody changed what is known of the money
    await office.say(platform, WU, f"重试 {number} ")  # second thoughts: the row is still there
    await office.card(platform, LIN, rf, "已退款")
    await office.quiet()
    assert len(await office.refunds()) == 1
    assert (await actions(office, "letter.given_up"), await actions(office, "letter.retried")) == (1, 1)


@contextmanager
def broken_command(office: Office, word: str) -> Iterator[None]:
    words: Any = office.desk.routes.words

    async def fail(_ctx: Context, _text: str) -> None:
        raise KeyError("李小明 13800138000")

    whole = words[word]
    words[word] = replace(whole, handler=fail)
    try:
        yield
    finally:
        words[word] = whole


async def pass_time(office: Office, *, until_dead: int) -> None:
    """The clock goes on until so many inbox rows were laid aside."""
    async with asyncio.timeout(PATIENCE):
        while (await office.desk.db.inbox.depth())["dead"] < until_dead:
            waits = await office.desk.db.inbox.next_due()
            if waits is not None and (await office.desk.db.inbox.depth())["running"] == 0:
                office.sandbox.world.clock.advance(31)
                office.desk.db.inbox.wake.set()
            await asyncio.sleep(0.05)


@both
async def test_a_message_that_no_handler_survives(office: Office, platform: str) -> None:
    with broken_command(office, "额度"):
        await office.say(platform, ZHOU, "额度 13800138000")
        await pass_time(office, until_dead=1)
        card = await office.card(platform, WU, "收到的消息没处理成 1 条", "程序出错（KeyError）")
        await office.text(platform, ZHOU, "这次没处理成功")
    for private in ("李小明", "138", "额度"):
        assert private not in summary(card)
    number = await letter_of(office, platform, WU, "收到的消息")
    assert number.startswith("S")
    await office.say(platform, WU, f"队列 {number}")
    letter = await office.card(platform, WU, f"{number} 收到的消息没处理成", "周全", "4 次", "追踪")
    for private in ("李小明", "138", "额度"):
        assert private not in summary(letter)
    await office.tap(platform, WU, letter, "重试")
    await office.card(platform, ZHOU, "本月额度")
    await office.card(platform, WU, number, "已办完")
    await office.quiet()
    assert len(await cards_of(office, platform, ZHOU, "本月额度")) == 1


@both
async def test_who_may_not(office: Office, platform: str) -> None:
    rf = await stuck_refund(office, platform)
    with broken_command(office, "额度"):
        await office.say(platform, ZHOU, "额度")
        await pass_time(office, until_dead=1)
    heard = await letter_of(office, platform, WU, "收到的消息")
    money = await letter_of(office, platform, QIAN, "只看退款")
    for word in ("队列", f"重试 {money}", f"放弃 {money} 不管了"):
        await office.say(platform, LIN, word)
        await office.text(platform, LIN, "你的角色不能用", word.split()[0])
    await office.say(platform, SUN, f"重试 {heard}")
    await office.text(platform, SUN, f"{heard} 不归你的角色处理，请找主管或管理员")
    seen = await cards_of(office, platform, QIAN, "只看退款")
    assert all(heard not in summary(card) for card in seen)
    assert await actions(office, "letter.retried") == 0
    await office.say(platform, SUN, f"重试 {money}")
    await office.card(platform, LIN, rf, "已退款")


@both
async def test_numbers_that_are_none(office: Office, platform: str) -> None:
    for said, answer in (
        ("队列 F99999", "没有死信“F99999”"),
        ("重试 S99998", "没有死信“S99998”"),
        ("放弃 X7 不要了", "没有死信“X7”"),
        ("重试", "请带上编号"),
        ("重试 全部", "没有要重试的死信"),
        ("重试 EX260105AB", "重试异常 EX260105AB"),
        ("放弃", "请带上编号和理由"),
    ):
        await office.say(platform, WU, said)
        await office.text(platform, WU, answer)


async def break_many(office: Office, count: int) -> None:
    uow = office.desk.db.unit_of_work("storm")
    for n in range(count):
        uow.send(Effect("digest.send", SubjectRef("digest", f"none-{n}")), key=f"storm.{n}")
    await uow.commit()


async def dead_now(office: Office, count: int) -> None:
    """So many rows are dead, and written down as such."""
    async with asyncio.timeout(PATIENCE):
        while True:
            depth = await office.desk.db.outbox.depth()
            if depth["dead"] == count and not await office.desk.db.unit_of_work("t").letters.changed(1):
                return
            await asyncio.sleep(0.05)


@both
async def test_a_storm_of_one_kind_is_one_card(office: Office, platform: str) -> None:
    await break_many(office, 50)
    await dead_now(office, 50)
    for _ in range(2):  # the cards are drawn together a moment later
        await office.post("/clock", {"advance": 11})
        await office.quiet()
    for where in PLATFORMS:
        assert len(await cards_of(office, where, WU, "发日报没做成")) == 1
    await office.card("dingtalk", WU, "发日报没做成 50 条")
    assert await office.desk.db.unit_of_work("t").letters.open_troubles()
    card = (await cards_of(office, platform, WU, "发日报没做成"))[0]
    if platform == "wecom":  # its one code is kept for the end; the list has the count
        await office.say(platform, WU, "重试 全部")
        sure = await office.card(platform, WU, "要把 50 条", "确认重试")
    else:
        await office.tap(platform, WU, card, "全部重试")
        sure = await office.card(platform, WU, "要把 50 条", "确认重试")
    assert await actions(office, "letter.retried") == 0
    await office.tap(platform, WU, sure, "确认重试")
    await office.text(platform, WU, "50 条发日报已放回队列")
    assert await actions(office, "letter.retried") == 50
    await dead_now(office, 50)  # nothing was put right: they are back, in the same trouble, told once more
    assert len(await office.desk.db.unit_of_work("t").letters.open_troubles()) == 1
    other = "dingtalk" if platform == "wecom" else "wecom"
    for _ in range(2):
        await office.post("/clock", {"advance": 11})
        await office.quiet()
    assert len(await cards_of(office, other, WU, "发日报")) == 2


async def test_a_row_that_nobody_can_read_is_told_as_well(office: Office) -> None:
    """It dies inside the claim, where no delivery is: the watch finds it."""
    await break_many(office, 1)
    await dead_now(office, 1)
    row = sa.update(outbox).where(outbox.c.key == "storm.0")
    unreadable = row.values(body='{"type": "from the future"}', state="ready", due=0)
    await office.desk.db.engines.write(lambda c: c.execute(unreadable).rowcount)
    left = sa.select(sa.func.count()).where(outbox_attempts.c.outcome == "left")
    async with asyncio.timeout(PATIENCE):
        while not await office.desk.db.read(lambda c: c.execute(left).scalar_one()):
            await asyncio.sleep(0.05)
    await office.post("/clock", {"advance": 7200})  # nobody newer came for it
    await office.card("dingtalk", WU, "读不懂的一条没做成 1 条", "升级后重试")


async def test_what_cannot_reach_somebody_is_named_by_person_not_by_words(office: Office) -> None:
    uow = office.desk.db.unit_of_work("lost")
    uow.send(SendText(Recipient(Account("wecom", "old-app", "zhaocang")), "买家电话 13800138000"), key="lost")
    await uow.commit()
    await office.card("wecom", WU, "发给某人的消息没送到 1 条", "企业微信")
    number = await letter_of(office, "wecom", WU, "发给某人的消息")
    await office.say("wecom", WU, f"队列 {number}")
    card = await office.card("wecom", WU, f"{number} 发给某人的消息没送到", "给谁")
    assert "买家电话" not in summary(card)
    assert not [m for m in await office.messages("wecom", ZHAO) if m["from"] == "bot"]


async def test_the_figures_say_how_long_work_waits(office: Office) -> None:
    await office.desk.deliverer.stop(5)
    uow = office.desk.db.unit_of_work("slow")
    uow.send(Effect("digest.send", SubjectRef("digest", "none")), key="slow")
    await uow.commit()
    office.sandbox.world.clock.advance(90)
    await office.desk.measure()
    page = office.desk.metrics.page().decode()
    figure = next(
        line for line in page.splitlines() if line.startswith('qianshao_queue_oldest_seconds{queue="outbox"}')
    )
    assert float(figure.split()[-1]) >= 90
    await office.desk.deliverer.stop(0)


@both
async def test_a_refund_that_was_paid_before_it_stopped_is_not_paid_again(
    office: Office, platform: str
) -> None:
    """The shop pays, its answer is lost, then it is down until the tries are used up."""
    office.desk.deliverer._max_attempts = 2
    number = await office.order("129.00")
    await office.post("/shops/taobao/buyer", {"tid": number, "amount": "100.00", "reason": "破损"})
    await office.post(
        "/faults", {"system": "taobao", "kind": "lost_answer", "count": 1, "args": {"path": "agree"}}
    )
    await office.say(platform, LIN, f"退款 {number} 100 破损")
    asked = await office.wait(platform, QIAN, lambda m: holds(m, "100.00", "同意"))
    await office.tap(platform, QIAN, asked, "同意")
    async with asyncio.timeout(PATIENCE):
        while not await office.refunds():
            await asyncio.sleep(0.01)
    await office.post("/faults", {"system": "taobao", "kind": "5xx", "count": 500})
    async with asyncio.timeout(PATIENCE):
        while (await office.desk.db.outbox.depth())["dead"] < 1:
            await office.post("/clock", {"advance": 2})
            await asyncio.sleep(0.1)
    letter = await letter_of(office, platform, ZHOU, "退款执行")
    await office.say(platform, ZHOU, f"队列 {letter}")
    card = await office.card(platform, ZHOU, f"{letter} 退款执行没做成", "放弃")
    await office.tap(platform, ZHOU, card, "放弃")
    asked = await office.card(platform, ZHOU, "停在“核实中”", "先到店铺后台核实", "返回")
    await office.tap(platform, ZHOU, asked, "返回")
    card = await office.card(platform, ZHOU, f"{letter} 退款执行没做成", "先问店铺退过没有", "重试")
    office.sandbox.world.faults.clear()
    await office.post("/clock", {"advance": 60})  # our rest after so many failures is over
    await office.tap(platform, ZHOU, card, "重试")
    await office.card(platform, LIN, "已退款")
    await office.quiet()
    assert len(await office.refunds()) == 1
