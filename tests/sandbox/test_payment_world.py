"""The simulated providers: what shops book, what tests plant, who may ask, when bills are there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.payment import BillKind, PaymentError
from sandbox.app import build_sandbox
from sandbox.shops.taobao.shops import TaobaoShops
from tests.integrations.payment_desk import alipay_desk, wechat_desk
from tests.sandbox.payment_kit import AFTER, DAY, NOON, Payments, payments

NEXT = DAY + timedelta(days=1)
AFTER_NEXT = AFTER + timedelta(days=1)


@pytest.fixture
async def far() -> AsyncIterator[Payments]:
    async with payments() as running:
        yield running


async def listed(far: Payments, **query: str) -> list[dict[str, Any]]:
    async with far.http.get(f"{far.world.base}/payments", params=query) as answer:
        assert answer.status == 200, await answer.text()
        found: list[dict[str, Any]] = (await answer.json())["payments"]
        return found


async def planted(far: Payments, status: int = 200, **wish: Any) -> Any:
    async with far.http.post(f"{far.world.base}/payments", json=wish) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def in_bill(far: Payments, day: date, folder: Path) -> list[tuple[str, str, int, int]]:
    """What a client reads from the downloaded Alipay bill of a day."""
    desk = alipay_desk(far)
    kept = await desk.download_bill(day, BillKind.TRADE, folder)
    return [(r.kind.value, r.order_no, r.amount.minor, r.fee.minor) for r in desk.parse_bill(kept.path)]


async def test_a_paid_order_is_booked_once_at_alipay(far: Payments, tmp_path: Path) -> None:
    number = far.order("129.00")
    unpaid = far.order("50.00", status="unpaid")
    (row,) = await listed(far, day="2026-01-05")
    assert (row["provider"], row["kind"], row["order_no"], row["amount_fen"]) == (
        "alipay",
        "payment",
        number,
        12900,
    )
    assert await listed(far, order_no=unpaid) == []
    far.later()
    assert await in_bill(far, DAY, tmp_path) == [("payment", number, 12900, 77)]


async def test_a_refund_at_the_shop_is_booked(far: Payments, tmp_path: Path) -> None:
    number = far.order("129.00", refund={"amount": "29.00", "status": "success"})
    far.order("50.00", refund={"amount": "10.00"})  # applied for, not paid back
    rows = await listed(far, day="2026-01-05")
    assert [(r["kind"], r["amount"], r["fee"]) for r in rows if r["order_no"] == number] == [
        ("payment", "129.00", "0.77"),
        ("refund", "-29.00", "-0.17"),
    ]
    assert len(rows) == 3
    far.later()
    assert ("refund", number, -2900, -17) in await in_bill(far, DAY, tmp_path)


async def test_orders_that_did_not_come_in_are_not_booked(far: Payments) -> None:
    with pytest.raises(ValueError, match="refund"):
        far.order("50.00", refund={"amount": "500.00"})
    assert await listed(far) == []


async def test_other_shops_are_paid_by_wechat(far: Payments) -> None:
    far.own_sale("MP1", 12900)
    far.own_sale("MP1", 12900)
    far.own_sale("MP1", 900, refund_no="RF1")
    rows = await listed(far, provider="wechatpay")
    assert [(r["kind"], r["amount_fen"]) for r in rows] == [("payment", 12900), ("refund", -900)]
    assert len(rows[0]["provider_no"]) == 28
    assert rows[0]["provider_no"] == rows[1]["provider_no"]


async def test_taobaos_prefix_is_a_switch(far: Payments) -> None:
    far.world.switches["payments.taobao_order_no"] = "T200P"
    number = far.order()
    assert [r["order_no"] for r in await listed(far)] == [f"T200P{number}"]


async def test_everything_planted_shows_in_bill_and_query(far: Payments, tmp_path: Path) -> None:
    desk = alipay_desk(far)
    missing, twice, off, later, late, fee, good = (far.order(f"{n}00.00") for n in range(1, 8))
    await planted(far, kind="missing", order_no=missing)
    await planted(far, kind="duplicate", order_no=twice)
    await planted(far, kind="amount", order_no=off, fen=-1)
    await planted(far, kind="cross_period", order_no=later)
    await planted(far, kind="unsettled", order_no=late)
    await planted(far, kind="fee", order_no=fee, fen=5)
    await planted(far, kind="payment", order_no="990000000000000001", amount="12.34")
    await planted(far, kind="refund", order_no=good, amount="7.00")
    far.later()
    assert sorted(await in_bill(far, DAY, tmp_path)) == sorted(
        [
            ("payment", twice, 20000, 120),
            ("payment", twice, 20000, 120),
            ("payment", off, 29999, 180),
            ("payment", fee, 60000, 365),
            ("payment", "990000000000000001", 1234, 7),
            ("payment", good, 70000, 420),
            ("refund", good, -700, -4),
        ]
    )
    assert [(await desk.query(n)).state for n in (missing, twice, late, "990000000000000001", good)] == [
        "unknown",
        "paid",
        "paid",
        "paid",
        "paid",
    ]
    far.later(AFTER_NEXT)
    assert await in_bill(far, NEXT, tmp_path) == [("payment", later, 40000, 240)]


async def test_what_was_unsettled_settles_in_a_later_bill(far: Payments, tmp_path: Path) -> None:
    number = far.order("100.00")
    await planted(far, kind="unsettled", order_no=number)
    far.later()
    assert await in_bill(far, DAY, tmp_path) == []
    await planted(far, kind="settle", order_no=number)
    far.later(AFTER_NEXT)
    assert await in_bill(far, NEXT, tmp_path) == [("payment", number, 10000, 60)]


async def test_a_refund_can_be_missing(far: Payments, tmp_path: Path) -> None:
    number = far.order("100.00", refund={"amount": "20.00", "status": "success"})
    await planted(far, kind="missing", order_no=number, refund_no="any")
    far.later()
    assert await in_bill(far, DAY, tmp_path) == [("payment", number, 10000, 60)]


async def test_the_same_payment_listed_twice(far: Payments) -> None:
    number = far.order("100.00")
    await planted(far, kind="duplicate", order_no=number, same_number=True)
    rows = await listed(far, order_no=number)
    assert len({row["provider_no"] for row in rows}) == 1
    assert len(rows) == 2


async def test_several_wishes_at_once(far: Payments) -> None:
    one, two = far.order("1.00"), far.order("2.00")
    wishes = [{"kind": "missing", "order_no": one}, {"kind": "amount", "order_no": two, "fen": 3}]
    answer = await planted(far, plant=wishes)
    assert [row["planted"] for row in answer["payments"]] == ["missing", "amount"]


@pytest.mark.parametrize(
    ("status", "wish", "words"),
    [
        (400, {}, "kind: missing"),
        (400, {"kind": "theft", "order_no": "1"}, "expected one of missing, duplicate"),
        (404, {"kind": "missing", "order_no": "1"}, "no payment of '1'"),
        (400, {"kind": "missing", "order": "1"}, "unknown keys order"),
        (400, {"kind": "payment", "order_no": "1"}, "not an amount"),
        (400, {"kind": "payment", "order_no": "1", "amount": "0"}, "more than 0"),
        (400, {"kind": "payment", "order_no": "1", "amount": "1.005"}, "two decimals"),
        (400, {"kind": "payment", "order_no": "1", "amount": "1", "provider": "x"}, "expected one of alipay"),
        (400, {"kind": "payment", "order_no": "1", "amount": "1", "at": "gestern"}, "at: expected ISO 8601"),
    ],
)
async def test_wrong_wishes_are_refused(far: Payments, status: int, wish: dict[str, Any], words: str) -> None:
    answer = await planted(far, status, **wish)
    assert words in answer["error"]
    assert await listed(far) == []


async def test_an_amount_must_stay_above_nothing(far: Payments) -> None:
    number = far.order("1.00")
    assert "more than 0" in (await planted(far, 400, kind="amount", order_no=number, fen=-100))["error"]
    assert "whole number" in (await planted(far, 400, kind="fee", order_no=number, fen=0))["error"]


async def test_a_planted_entry_stays_as_it_was_made(far: Payments) -> None:
    """The shop tells of the payment again with every change of the order."""
    number = far.order("100.00")
    await planted(far, kind="amount", order_no=number, fen=1)
    platform = far.shops.platforms["taobao"]
    assert isinstance(platform, TaobaoShops)
    platform.books.save_trade(platform.books.trades[number])
    assert [row["amount_fen"] for row in await listed(far, order_no=number)] == [10001]


async def test_everything_is_kept_across_a_restart(tmp_path: Path) -> None:
    async with payments(tmp_path / "w.db") as far:
        number = far.order("100.00")
        far.plant("duplicate", number)
        before, keys = await listed(far), far.credential("alipay")["private_key"]
    async with payments(tmp_path / "w.db") as far:
        assert await listed(far) == before
        assert far.credential("alipay")["private_key"] == keys
        other = far.order("100.00")
        numbers = [row["provider_no"] for row in await listed(far)]
        assert len(set(numbers)) == len(numbers) == 3
        assert other in [row["order_no"] for row in await listed(far)]


async def test_wechat_checks_who_asks(far: Payments) -> None:
    base = far.credential("wechatpay")["api_base"]
    path = "/v3/bill/tradebill?bill_date=2026-01-05"
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": 'WECHATPAY2-SHA256-RSA2048 mchid="1"'},
    ):
        async with far.http.get(f"{base}{path}", headers=headers) as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == "SIGN_ERROR"
            assert re.fullmatch(r"[\w+/=]+", answer.headers["Wechatpay-Signature"])


async def test_wechat_wants_every_word_signed(far: Payments) -> None:
    """The same signature on another query is refused."""
    from integrations.payment import keys
    from integrations.payment.wechatpay.signature import authorization, request_text

    credential = far.credential("wechatpay")
    now = str(far.world.clock.epoch())
    target = "/v3/pay/transactions/out-trade-no/MP1?mchid=1900000001"
    key = keys.private_key(credential["private_key"])
    text = request_text("GET", target, now, "N", "")
    header = authorization(credential["mchid"], credential["serial_no"], "N", now, text, key)
    far.own_sale("MP1", 100)
    for asked, status in ((target, 200), (target.replace("MP1", "MP2"), 401)):
        async with far.http.get(credential["api_base"] + asked, headers={"Authorization": header}) as answer:
            assert answer.status == status
    far.world.clock.advance(301)
    async with far.http.get(credential["api_base"] + target, headers={"Authorization": header}) as answer:
        assert answer.status == 401
        assert "5分钟" in (await answer.json())["message"]


async def test_wechats_dates(far: Payments, tmp_path: Path) -> None:
    far.later()
    for day in (date(2026, 1, 8), date(2025, 9, 1)):
        with pytest.raises(PaymentError, match="三个月内"):
            await wechat_desk(far).download_bill(day, BillKind.TRADE, tmp_path)
    far.world.switches["wechatpay.empty_day"] = "none"
    with pytest.raises(PaymentError, match="没有交易"):
        await wechat_desk(far).download_bill(DAY, BillKind.TRADE, tmp_path)


async def test_a_download_address_lives_half_a_minute(far: Payments, tmp_path: Path) -> None:
    from integrations.payment.alipay.client import AlipayClient
    from tests.integrations.payment_desk import alipay_settings

    far.order()
    far.later()
    client = AlipayClient("a", alipay_settings(far), far.http, far.world.clock)
    content = {"bill_type": "trade", "bill_date": "2026-01-05"}
    url = (await client.call("alipay.data.dataservice.bill.downloadurl.query", content))["bill_download_url"]
    assert (await client.download(url, tmp_path)).head.startswith(b"PK")
    far.world.clock.advance(30)
    assert not (await client.download(url, tmp_path)).head.startswith(b"PK")


async def test_the_whole_sandbox_tells_and_takes(tmp_path: Path) -> None:
    """Mounted with everything else: credentials, faults, switches."""
    from aiohttp.test_utils import TestClient, TestServer

    sandbox = build_sandbox(path=tmp_path / "w.db")
    async with TestClient(TestServer(sandbox.app)) as client:
        accounts = (await (await client.get("/credentials")).json())["payments"]
        assert [a["account"] for rows in accounts.values() for a in rows] == ["alipay-main", "wechat-main"]
        wish = {"system": "wechatpay", "kind": "creating", "count": 1}
        assert (await client.post("/faults", json=wish)).status == 200
        assert (await client.post("/faults", json=wish | {"kind": "nonsense"})).status == 400
        assert (await client.post("/switches", json={"alipay.bill_hour": "8"})).status == 200
        order = await client.post("/orders", json={"shop": "tmall-flagship", "orders": [{"status": "paid"}]})
        number = (await order.json())["orders"][0]["platform_order_id"]
        found = await (await client.get("/payments", params={"order_no": number})).json()
        assert [row["provider"] for row in found["payments"]] == ["alipay"]
        assert (await client.get("/payments", params={"day": "gestern"})).status == 400
        stranger = await client.get("/payments", headers={"Host": "example.com"})
        assert stranger.status == 403


async def test_the_clock_decides_the_bills_day(far: Payments) -> None:
    far.later(datetime(2026, 1, 5, 15, 59, 59, tzinfo=UTC))
    last = far.order("1.00")
    far.later(datetime(2026, 1, 5, 16, 0, 0, tzinfo=UTC))
    first = far.order("2.00")
    assert [row["order_no"] for row in await listed(far, day="2026-01-05")] == [last]
    assert [row["order_no"] for row in await listed(far, day="2026-01-06")] == [first]
    assert NOON.date() == DAY


async def test_the_own_mall_is_paid_by_wechat(far: Payments, tmp_path: Path) -> None:
    """An order of the mini program, through the shop's own form, comes into WeChat Pay's bill of its day."""
    made = far.shops.create_orders({"shop": "mini-01", "orders": [{"status": "paid"}, {"status": "unpaid"}]})
    number, unpaid = (str(order["platform_order_id"]) for order in made["orders"])
    (row,) = await listed(far, order_no=number)
    truth = next(t for t in far.shops.truth() if t.platform_order_id == number)
    assert (row["provider"], row["amount_fen"], row["shop"]) == ("wechatpay", truth.paid, "mini-01")
    assert await listed(far, order_no=unpaid) == []
    day = date.fromisoformat(row["day"])
    far.later(AFTER_NEXT)
    desk = wechat_desk(far)
    kept = await desk.download_bill(day, BillKind.TRADE, tmp_path)
    assert [(r.order_no, r.amount.minor) for r in desk.parse_bill(kept.path)] == [(number, truth.paid)]


async def test_money_in_another_currency_goes_by_neither(far: Payments) -> None:
    far.shops.create_orders({"shop": "shopify-us", "count": 1})
    assert await listed(far) == []
