"""Trades of the simulated TOP: lists, masks, memo, shipping, decryption."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.shops.taobao.amounts import time_text
from tests.sandbox.taobao_kit import TRADE_FIELDS, Taobao, taobao

LIST = "taobao.trades.sold.increment.get"
DETAIL = "taobao.trade.fullinfo.get"
HOUR_MS = 3_600_000


@pytest.fixture
async def shop() -> AsyncIterator[Taobao]:
    async with taobao() as running:
        yield running


def last_hours(shop: Taobao, hours: float) -> dict[str, str]:
    now = shop.world.clock.epoch_ms()
    return {"start_modified": time_text(now - int(hours * HOUR_MS)), "end_modified": time_text(now)}


def tids(answer: dict[str, Any]) -> list[str]:
    return [row["tid"] for row in answer.get("trades", {}).get("trade", [])]


async def test_the_list_is_newest_change_first_and_counts(shop: Taobao) -> None:
    made = [shop.order(modified=f"2026-01-05T11:0{minute}:00") for minute in range(5)]
    window = last_hours(shop, 2)
    first = await shop.call(LIST, fields="tid", page_no="1", page_size="2", **window)
    last = await shop.call(LIST, fields="tid", page_no="3", page_size="2", **window)
    assert (tids(first), first["total_results"]) == ([made[4], made[3]], 5)
    assert tids(last) == [made[0]]


async def test_has_next_replaces_the_total(shop: Taobao) -> None:
    shop.shops.create_orders({"count": 3})
    window = last_hours(shop, 1)
    first = await shop.call(LIST, fields="tid", page_size="2", use_has_next="true", **window)
    second = await shop.call(LIST, fields="tid", page_no="2", page_size="2", use_has_next="true", **window)
    assert (first["has_next"], second["has_next"]) == (True, False)
    assert "total_results" not in first


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_size": "101"},
        {"page_size": "0"},
        {"page_no": "0"},
        {"use_has_next": "yes"},
        {"start_modified": "2026-01-04 11:59:59"},
        {"start_modified": "2026-01-05 12:00:01"},
        {"start_modified": "2025-01-05 11:00:00", "end_modified": "2025-01-05 12:00:00"},
        {"start_modified": "noon"},
    ],
)
async def test_wrong_windows_and_pages_are_refused(shop: Taobao, wrong: dict[str, str]) -> None:
    answer = await shop.call(LIST, **({"fields": "tid"} | last_hours(shop, 1) | wrong))
    assert answer["error_response"]["code"] == 41


async def test_an_empty_window_has_no_list_at_all(shop: Taobao) -> None:
    answer = await shop.call(LIST, fields="tid", **last_hours(shop, 1))
    assert (answer["total_results"], "trades" in answer) == (0, False)


async def test_only_asked_fields_come_and_receivers_are_masked(shop: Taobao) -> None:
    tid = shop.order(receiver={"name": "李样例", "phone": "13800131234", "address": "样例路1号2幢"})
    answer = await shop.call(DETAIL, tid=tid, fields="tid,receiver_name,receiver_mobile,receiver_address")
    assert answer["trade"] == {
        "tid": tid,
        "receiver_name": "李**",
        "receiver_mobile": "*******1234",
        "receiver_address": "样***幢",
    }
    assert "13800131234" not in json.dumps([vars(e) for e in shop.world.exchanges])


async def test_created_list(shop: Taobao) -> None:
    old, new = shop.order(created="2025-12-20T10:00:00"), shop.order()
    answer = await shop.call("taobao.trades.sold.get", fields="tid", start_created="2026-01-01 00:00:00")
    assert tids(answer) == [new]
    assert set(tids(await shop.call("taobao.trades.sold.get", fields="tid"))) == {old, new}


async def test_memo_and_flag(shop: Taobao) -> None:
    tid = shop.order()
    shop.world.clock.advance(5)
    answer = await shop.call("taobao.trade.memo.update", tid=tid, memo="加急", flag="3")
    trade = (await shop.call(DETAIL, tid=tid, fields=TRADE_FIELDS))["trade"]
    assert (trade["seller_memo"], trade["seller_flag"]) == ("加急", 3)
    assert answer["trade"]["modified"] == trade["modified"] == "2026-01-05 12:00:05"
    too_long = await shop.call("taobao.trade.memo.update", tid=tid, memo="长" * 334)
    assert too_long["error_response"]["code"] == 41


async def test_shipping_moves_the_trade_and_is_an_effect(shop: Taobao) -> None:
    tid = shop.order()
    answer = await shop.call(
        "taobao.logistics.offline.send", tid=tid, out_sid="SF1400000000009", company_code="SF"
    )
    trade = (await shop.call(DETAIL, tid=tid, fields=TRADE_FIELDS))["trade"]
    assert answer["shipping"] == {"is_success": True}
    assert trade["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    assert trade["orders"]["order"][0]["invoice_no"] == "SF1400000000009"
    again = await shop.call("taobao.logistics.offline.send", tid=tid, out_sid="SF2", company_code="SF")
    assert again["error_response"]["code"] == 15
    assert [effect.key for effect in shop.world.effects] == [f"{tid}/SF1400000000009"]


async def test_a_part_can_be_shipped_first(shop: Taobao) -> None:
    tid = shop.order(items=[{"title": "甲"}, {"title": "乙"}])
    first = str(int(tid) + 1)
    await shop.call(
        "taobao.logistics.offline.send",
        tid=tid,
        out_sid="SF1",
        company_code="SF",
        is_split="1",
        sub_tid=first,
    )
    assert shop.shops.listing()[0]["status"] == "SELLER_CONSIGNED_PART"
    await shop.call("taobao.logistics.offline.send", tid=tid, out_sid="SF2", company_code="SF")
    assert shop.shops.listing()[0]["status"] == "WAIT_BUYER_CONFIRM_GOODS"


async def test_an_open_refund_stops_shipping(shop: Taobao) -> None:
    tid = shop.order(refund={"amount": "1.00"})
    answer = await shop.call("taobao.logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")
    assert "退款" in answer["error_response"]["sub_msg"]
    assert not shop.world.effects


async def decrypt(shop: Taobao, tid: str, **change: str) -> dict[str, Any]:
    trade = (await shop.call(DETAIL, tid=tid, fields="tid", include_oaid="true"))["trade"]
    query = {"tid": tid, "oaid": trade["oaid"], "scene": "1006"} | change
    return await shop.call("taobao.top.oaid.decrypt", query_list=json.dumps([query]))


async def test_decrypt_answers_clear_data(shop: Taobao) -> None:
    tid = shop.order(receiver={"name": "李样例", "phone": "13800131234"})
    row = (await decrypt(shop, tid))["receiver_list"]["receiver"][0]
    assert (row["name"], row["mobile"], row["matched"]) == ("李样例", "13800131234", True)
    wrong = (await decrypt(shop, tid, oaid="1wrong"))["receiver_list"]["receiver"][0]
    assert (wrong["matched"], "name" in wrong) == (False, False)
    assert (await decrypt(shop, tid, scene="9"))["error_response"]["code"] == 41


async def test_decrypt_of_a_closed_order_and_over_quota(shop: Taobao) -> None:
    closed = shop.order(status="cancelled")
    row = (await decrypt(shop, closed))["receiver_list"]["receiver"][0]
    assert ("name" in row, "desensitize_rule" in row) == (False, True)
    shop.world.switches["taobao.decrypt_per_day"] = "1"
    assert (await decrypt(shop, closed))["error_response"]["code"] == 15


async def test_oaid_is_one_receivers_in_one_week(shop: Taobao) -> None:
    who = {"name": "李样例", "phone": "13800131234", "state": "上海", "address": "样例路1号"}
    now, same, before = (
        shop.order(receiver=who, created=created)
        for created in ("2026-01-05T09:00:00", "2026-01-05T10:00:00", "2026-01-02T10:00:00")
    )
    oaids = [
        (await shop.call(DETAIL, tid=tid, fields="tid", include_oaid="true"))["trade"]["oaid"]
        for tid in (now, same, before)
    ]
    assert oaids[0] == oaids[1] != oaids[2]
