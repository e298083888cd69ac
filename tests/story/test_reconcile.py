"""A night's books as finance meets them, on both platforms: planted differences, late bills, write-offs."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from bot.commands.reconcile import compare
from domain.clock import SHANGHAI, shanghai
from domain.policy import Policies
from domain.reconcile_policy import ReconcilePolicy
from tests.office import LIN, PLATFORMS, QIAN, SUN, Office, open_office, summary

both = pytest.mark.parametrize("platform", PLATFORMS)
# The books' day is tomorrow, since no clock here goes back; its orders are paid at noon.
DAY = shanghai(datetime.now(UTC)).date() + timedelta(days=1)
NEXT = DAY + timedelta(days=1)
SHORT, SHORT_NEXT = f"{DAY:%m-%d}", f"{NEXT:%m-%d}"

WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注\r\n"
)
WECHAT_FOOT = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`2,`18.00,`0.00,`0.00,`0.10000,`18.00,`0.00\r\n"
)


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)


NOON = at(DAY, 12)
MORNING = at(NEXT, 11)  # every bill is made by then
POLICIES = Policies(
    reconcile=ReconcilePolicy(fee_ppm={"alipay-main": 6000}, accounts={"alipay-main": ("tmall-flagship",)})
)


def rows(office: Office, sql: str) -> list[tuple[Any, ...]]:
    file = office.desk.settings.database.url.partition(":///")[2]
    with closing(sqlite3.connect(file)) as db:
        return db.execute(sql).fetchall()


def open_differences(office: Office) -> dict[str, tuple[str, str, int]]:
    """order number → (class, rule, fen)."""
    found = rows(
        office,
        "SELECT order_no, category, rule, stake FROM book_differences"
        f" WHERE day = '{DAY}' AND closed_at IS NULL",
    )
    return {order: (category, rule, stake) for order, category, rule, stake in found}


def books(office: Office) -> dict[str, Any]:
    [(summary_text,)] = rows(office, f"SELECT summary FROM book_days WHERE day = '{DAY}'")
    return dict(json.loads(summary_text))


async def move(office: Office, moment: datetime) -> None:
    await office.post("/clock", {"now": moment.isoformat()})


async def plant(office: Office, *wishes: dict[str, Any]) -> None:
    await office.post("/payments", {"plant": list(wishes)})


async def compared(office: Office, times: int) -> None:
    """The day has been compared so often."""
    async with asyncio.timeout(20):
        sql = f"SELECT tries, state FROM book_days WHERE day = '{DAY}'"
        while not any(tries >= times and state == "done" for tries, state in rows(office, sql)):
            await asyncio.sleep(0.05)


async def send(office: Office, platform: str, name: str, content: bytes) -> None:
    attachment = {"name": name, "content_base64": base64.b64encode(content).decode()}
    await office.post("/say", {"platform": platform, "user": QIAN.on(platform), "attachments": [attachment]})


async def day_of_orders(office: Office, count: int = 8) -> list[str]:
    """Orders paid at noon of the day, each at its own minute."""
    await move(office, NOON)
    return [await office.order(f"{100 + n}.00") for n in range(count)]


@both
async def test_a_night_with_every_kind_of_difference(tmp_path: Path, platform: str) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        good, missing, amount, twice, fee, late, unsettled, refunded = await day_of_orders(office)
        await plant(
            office,
            {"kind": "missing", "order_no": missing},
            {"kind": "amount", "order_no": amount, "fen": -50},
            {"kind": "duplicate", "order_no": twice},
            {"kind": "fee", "order_no": fee, "fen": 40},
            {"kind": "cross_period", "order_no": late},
            {"kind": "unsettled", "order_no": unsettled},
            {"kind": "refund", "order_no": refunded, "amount": "7.00"},
            {"kind": "payment", "order_no": "STRANGE-1", "amount": "55.50"},
        )
        await move(office, MORNING)
        card = await office.card(platform, QIAN, f"对账 {SHORT} 差异", "应收", "实收", "匹配")
        found = open_differences(office)
        assert found == {
            missing: ("missing", "not_in_bill", 10100),
            amount: ("amount", "amounts", 50),
            twice: ("duplicate", "paid_twice", 10300),
            fee: ("fee", "fee_rate", 40),
            late: ("missing", "not_in_bill", 10500),
            unsettled: ("missing", "not_in_bill", 10600),
            refunded: ("missing", "refund_unbooked", 700),
            "STRANGE-1": ("missing", "not_in_orders", 5550),
        }
        assert good not in found
        told = books(office)
        for side in ("ours", "theirs", "ours_rows", "bill_rows"):
            assert sum(part[side] for part in told["classes"].values()) == told["total"][side]
        bill = (await office.get("/payments", day=DAY.isoformat(), provider="alipay"))["payments"]
        assert told["total"]["theirs"] == sum(entry["amount_fen"] for entry in bill)
        assert told["total"]["ours"] == sum(10000 + 100 * n for n in range(8))
        await office.tap(platform, QIAN, card, "明细")
        listed = await office.card(platform, QIAN, "8 笔待处理", "第 1/2 页", "漏单")
        await office.tap(platform, QIAN, listed, "下一页")
        await office.card(platform, QIAN, "8 笔待处理", "第 2/2 页", "金额不符")


@both
async def test_the_next_day_explains_what_came_late(tmp_path: Path, platform: str) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        late, *_rest = await day_of_orders(office, 3)
        await plant(office, {"kind": "cross_period", "order_no": late})
        await move(office, MORNING)
        await office.card(platform, QIAN, f"对账 {SHORT} 差异 1 笔")
        assert set(open_differences(office)) == {late}
        await move(office, at(NEXT + timedelta(days=1), 11))
        await office.card(platform, QIAN, f"对账 {SHORT_NEXT} 已对平")
        assert open_differences(office) == {}
        [(outcome, state)] = rows(
            office, f"SELECT outcome, state FROM book_differences WHERE day = '{DAY}' AND order_no = '{late}'"
        )
        assert (outcome, state) == (f"{NEXT} 的账对上了", "closed")
        await office.say(platform, QIAN, f"对账 {DAY}")
        await office.card(platform, QIAN, f"对账 {SHORT} 已对平")


@both
async def test_a_missing_bill_is_said_and_never_green(tmp_path: Path, platform: str) -> None:
    """At three no provider has made a bill, which is no news; at eleven one is refused, which is; then it comes."""
    async with open_office(tmp_path, POLICIES) as office:
        _, second = await day_of_orders(office, 2)
        await plant(office, {"kind": "amount", "order_no": second, "fen": 100})
        await move(office, at(NEXT, 3))
        await compared(office, 1)
        assert rows(office, "SELECT category, rule, stake FROM book_differences") == [
            ("unsettled", "bill_missing", 20100)
        ]
        assert f"对账 {SHORT}" not in "".join(summary(m) for m in await office.messages(platform, QIAN))
        await office.say(platform, QIAN, "对账 昨天")
        card = await office.card(platform, QIAN, f"🔴 对账 {SHORT} 缺 2 份账单", "10:30 再取", "还没有生成")
        await office.post("/faults", {"system": "alipay", "kind": "truncated", "rate": 1})
        await move(office, MORNING)
        await compared(office, 2)
        await office.card(platform, QIAN, f"🔴 对账 {SHORT} 缺 1 份账单")
        office.sandbox.world.faults.clear()
        await office.tap(platform, QIAN, card, "重新对账")
        await office.card(platform, QIAN, f"🟡 对账 {SHORT} 差异 1 笔")
        assert open_differences(office) == {second: ("amount", "amounts", 100)}
        assert list((tmp_path / "bills").rglob("*.zip"))


@both
async def test_a_bill_file_in_chat(tmp_path: Path, platform: str) -> None:
    """Cut off, from another day, good, and the good one again: each is answered, and the good one is compared."""
    async with open_office(tmp_path, POLICIES) as office:
        office.sandbox.world.switches["wecom.deliver_files"] = "on"
        await day_of_orders(office, 2)
        await move(office, at(NEXT, 3))
        await compared(office, 1)
        bill = WECHAT_HEAD + "".join(
            f"`{DAY} 12:0{n}:00,`wxTEST,`1900000001,`0,`,`420000{n},`W{n},`o,`JSAPI,`SUCCESS,`OTHERS,`CNY,"
            "`9.00,`0.00,`0,`0,`0.00,`0.00,`,`,`茶,`,`0.05000,`0.60%,`9.00,`0.00,`\r\n"
            for n in range(2)
        )
        merchant = office.desk.payments["wechat-main"].merchant
        bill = bill.replace("1900000001", merchant)
        whole = bill + WECHAT_FOOT
        await send(office, platform, "交易账单.csv", bill.encode())
        await office.text(platform, QIAN, "没有读进来", "下载")
        await send(office, platform, "交易账单.csv", whole.replace(str(DAY), str(NEXT)).encode())
        await office.text(platform, QIAN, "没有读进来", "还没有过完")
        await send(office, platform, "交易账单.csv", whole.encode())
        await office.text(platform, QIAN, "收到 微信支付", "2 行", "¥18.00")
        await office.card(platform, QIAN, f"🔴 对账 {SHORT} 缺 1 份账单")
        assert {order for order, _ in open_differences(office).items()} == {"", "W0", "W1"}
        await send(office, platform, "又一份.csv", whole.encode())
        await office.text(platform, QIAN, "已经收过了")
        kept = next((tmp_path / "bills" / "wechat-main").rglob("*.csv.rows.csv"))
        original = kept.with_name(kept.name.removesuffix(".rows.csv"))
        assert original.read_bytes() == whole.encode()


@both
async def test_a_write_off_takes_two_people(tmp_path: Path, platform: str) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        _, other = await day_of_orders(office, 2)
        await plant(office, {"kind": "amount", "order_no": other, "fen": 3})
        await move(office, MORNING)
        await office.card(platform, QIAN, f"对账 {SHORT} 差异 1 笔")
        [(number,)] = rows(office, "SELECT number FROM book_differences")
        await office.say(platform, QIAN, f"差异 {number}")
        card = await office.card(platform, QIAN, number, "认领", "申请核销")
        await office.tap(platform, QIAN, card, "认领")
        card = await office.card(platform, QIAN, number, "处理中", "钱进 认领")
        await office.say(platform, QIAN, f"差异备注 {number} 尾差，问过平台")
        card = await office.card(platform, QIAN, number, "尾差，问过平台")
        await office.tap(platform, QIAN, card, "申请核销")
        card = await office.card(platform, QIAN, number, "小额尾差", "返回")
        await office.tap(platform, QIAN, card, "小额尾差")
        await office.card(platform, QIAN, number, "核销待批")
        await office.say(platform, QIAN, f"批准核销 {number}")
        await office.text(platform, QIAN, "不能批准自己申请的核销")
        asked = await office.card(platform, SUN, number, "核销待批", "批准", "驳回")
        await office.tap(platform, SUN, asked, "批准")
        for person in (QIAN, SUN):
            await office.card(platform, person, number, "已核销", "孙账批准")
        await office.card(platform, QIAN, f"对账 {SHORT} 已对平")
        actions = [
            action
            for (action,) in rows(
                office, f"SELECT action FROM audit WHERE subject_id = '{number}' ORDER BY id"
            )
        ]
        assert actions == [
            "difference.taken",
            "difference.noted",
            "difference.write_off_asked",
            "difference.written_off",
        ]
        await office.say(platform, QIAN, f"差异 {number} 为什么")
        await office.text(platform, QIAN, "单号一致，金额不同", "设置版本", "孙账批准")
        await office.say(platform, LIN, f"差异 {number}")
        await office.text(platform, LIN, "你的角色不能用")


@both
async def test_the_workbook_has_three_sheets_and_no_formula(tmp_path: Path, platform: str) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        office.sandbox.world.switches["wecom.deliver_files"] = "on"
        await day_of_orders(office, 3)
        await plant(office, {"kind": "payment", "order_no": "=1+1", "amount": "5.00"})
        await move(office, MORNING)
        card = await office.card(platform, QIAN, f"对账 {SHORT} 差异 1 笔")
        await office.tap(platform, QIAN, card, "下载 Excel")
        await office.wait(platform, QIAN, lambda m: f"对账-{DAY}.xlsx" in json.dumps(m, ensure_ascii=False))
        [(content,)] = rows(office, "SELECT content FROM kept_files WHERE name LIKE '对账%'")
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        assert book.sheet_names == ["销售汇总", "实收明细", "差异清单"]
        details = book.get_sheet_by_name("实收明细").to_python()
        assert len(details) == 5
        assert [row[3] for row in details].count("'=1+1") == 1
        assert sum(float(str(row[5])) for row in details[1:]) == pytest.approx(100 + 101 + 102 + 5)
        [_, difference] = book.get_sheet_by_name("差异清单").to_python()
        assert difference[1:3] == ["漏单", "账单有收款，没有这张订单"]


@both
async def test_the_payment_check_repairs_and_reports(tmp_path: Path, platform: str) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        await move(office, NOON)
        number = await office.order("88.00", status="unpaid")
        off = await office.order("66.00", status="unpaid")
        await plant(
            office,
            {"kind": "payment", "order_no": number, "amount": "88.00"},
            {"kind": "payment", "order_no": off, "amount": "60.00"},
        )
        await office.post("/clock", {"advance": 400})
        await office.text(platform, QIAN, "支付核对", number, "收 ¥88.00")
        await office.text(platform, QIAN, "支付核对", off, "金额不符")
        found = rows(office, "SELECT platform_order_id, state, paid FROM orders ORDER BY paid DESC")
        assert found[0] == (number, "paid", 8800)
        assert {n: s for n, s, _ in found}[off] == "unpaid"
        actions = rows(office, "SELECT actor, action FROM audit WHERE action = 'order.paid'")
        assert actions == [("rule:payment_check", "order.paid")]


async def test_the_command_line_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_office(tmp_path, POLICIES) as office:
        good, off = await day_of_orders(office, 2)
        await plant(office, {"kind": "amount", "order_no": off, "fen": -10})
        await move(office, at(NEXT, 3))
        await compared(office, 1)
        await office.post("/clock", {"advance": 7 * 3600})
        target = tmp_path / "books.xlsx"
        assert await compare(office.desk.settings, DAY, target) == 1
        told = capsys.readouterr().out
        assert "应收 ¥201.00（2 行），实收 ¥200.90（2 行）" in told
        assert "金额不符：1 笔，应收 ¥101.00，实收 ¥100.90，涉及 ¥0.10" in told
        assert target.read_bytes()[:2] == b"PK"
        assert set(open_differences(office)) == {off}
        assert good not in told
