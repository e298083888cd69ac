"""Refunds of the simulated TOP: application, review, agreement exactly once, refusal, virtual buyers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.shops.shop_platform import BadPayload
from tests.sandbox.taobao_kit import REFUND_FIELDS, TRADE_FIELDS, Taobao, taobao

MEMO = "taobao.trade.memo.update"


@pytest.fixture
async def shop() -> AsyncIterator[Taobao]:
    async with taobao() as running:
        yield running


def applied(shop: Taobao, code: str = "tmall-flagship", fen: int = 3000) -> tuple[str, str]:
    tid = shop.order(code, items=[{"price": "100.00"}])
    return tid, shop.shops.buyer_applies(tid, fen, "少件")["refund_id"]


async def review(shop: Taobao, refund_id: str, **change: str) -> dict[str, Any]:
    args = {
        "refund_id": refund_id,
        "operator": "desk",
        "refund_phase": "onsale",
        "refund_version": await shop.version_of(refund_id),
        "result": "true",
        "message": "同意",
    }
    return await shop.call("taobao.rp.refund.review", **(args | change))


async def agree(shop: Taobao, refund_id: str, fen: int = 3000, **extra: str) -> dict[str, Any]:
    infos = f"{refund_id}|{fen}|{await shop.version_of(refund_id)}|onsale"
    return await shop.call("taobao.rp.refunds.agree", refund_infos=infos, **extra)


def row_message(answer: dict[str, Any]) -> str:
    return str(answer["results"]["refund_mapping_result"][0]["message"])


async def test_tmall_wants_a_review_first(shop: Taobao) -> None:
    _, refund_id = applied(shop)
    early = await agree(shop, refund_id)
    assert (early["succ"], early["msg_code"]) == (False, "OP_FAILURE_UE")
    assert "审核" in row_message(early)
    assert (await review(shop, refund_id))["is_success"] is True
    done = await agree(shop, refund_id)
    assert (done["succ"], done["msg_code"]) == (True, "OP_SUCC")
    assert shop.refund_effects() == [(refund_id, 3000)]


async def test_agreeing_twice_pays_once(shop: Taobao) -> None:
    tid, refund_id = applied(shop)
    await review(shop, refund_id)
    await agree(shop, refund_id)
    assert "已经完成" in row_message(await agree(shop, refund_id))
    assert shop.refund_effects() == [(refund_id, 3000)]
    effect = shop.world.effects[0]
    assert (effect.details["tid"], effect.details["shop"]) == (tid, "tmall-flagship")


async def test_a_stale_version_is_refused(shop: Taobao) -> None:
    _, refund_id = applied(shop)
    await review(shop, refund_id)
    answer = await shop.call("taobao.rp.refunds.agree", refund_infos=f"{refund_id}|3000|1|onsale")
    assert "版本" in row_message(answer)
    assert (await review(shop, refund_id, refund_version="1"))["error_response"]["code"] == 15
    assert not shop.world.effects


async def test_the_amount_may_not_exceed_the_application(shop: Taobao) -> None:
    _, refund_id = applied(shop)
    await review(shop, refund_id)
    assert "金额" in row_message(await agree(shop, refund_id, 3001))
    shop.world.switches["taobao.agree_amount"] = "exact"
    assert "金额" in row_message(await agree(shop, refund_id, 2999))
    shop.world.switches["taobao.agree_amount"] = "at_most"
    assert (await agree(shop, refund_id, 2999))["succ"] is True
    assert shop.refund_effects() == [(refund_id, 2999)]


async def test_sms_code(shop: Taobao) -> None:
    _, refund_id = applied(shop)
    await review(shop, refund_id)
    shop.world.switches["taobao.sms_code"] = "3000"
    refused = await agree(shop, refund_id)
    assert (refused["succ"], refused["msg_code"], refused["message"]) == (False, "10000", "需要短信验证码")
    assert (await agree(shop, refund_id, code="123456"))["succ"] is True


async def test_taobao_shops_need_no_review_nor_phase(shop: Taobao) -> None:
    _, refund_id = applied(shop, "taobao-outlet")
    fields = {"refund_id": refund_id, "fields": REFUND_FIELDS}
    refund = (await shop.call("taobao.refund.get", "taobao-outlet", **fields))["refund"]
    infos = f"{refund_id}|3000|{refund['refund_version']}"
    assert (await shop.call("taobao.rp.refunds.agree", "taobao-outlet", refund_infos=infos))["succ"] is True


async def test_a_batch_may_succeed_in_part(shop: Taobao) -> None:
    _, refund_id = applied(shop)
    await review(shop, refund_id)
    infos = f"{refund_id}|3000|{await shop.version_of(refund_id)}|onsale,1|1|1|onsale"
    answer = await shop.call("taobao.rp.refunds.agree", refund_infos=infos)
    assert answer["msg_code"] == "SOME_OP_SUCC"
    assert [row["succ"] for row in answer["results"]["refund_mapping_result"]] == [True, False]


async def test_the_trade_shows_the_refund_and_closes_when_all_went_back(shop: Taobao) -> None:
    tid, part = applied(shop)
    await review(shop, part)
    await agree(shop, part)
    trade = (await shop.call("taobao.trade.fullinfo.get", tid=tid, fields=TRADE_FIELDS))["trade"]
    assert (trade["status"], trade["payment"]) == ("WAIT_SELLER_SEND_GOODS", "100.00")
    line = trade["orders"]["order"][0]
    assert (line["refund_id"], line["refund_status"]) == (part, "SUCCESS")
    rest = shop.shops.buyer_applies(tid, 7000, "全退")["refund_id"]
    await review(shop, rest)
    await agree(shop, rest, 7000)
    trade = (await shop.call("taobao.trade.fullinfo.get", tid=tid, fields=TRADE_FIELDS))["trade"]
    assert (trade["status"], trade["payment"]) == ("TRADE_CLOSED", "100.00")


async def test_a_return_of_goods_moves_no_money(shop: Taobao) -> None:
    tid = shop.order("taobao-outlet", refund={"amount": "10.00", "good_return": True})
    refund_id = shop.shops.listing()[0]["refund"]["refund_id"]
    fields = {"refund_id": refund_id, "fields": "refund_version"}
    version = (await shop.call("taobao.refund.get", "taobao-outlet", **fields))["refund"]["refund_version"]
    await shop.call(
        "taobao.rp.refunds.agree", "taobao-outlet", refund_infos=f"{refund_id}|1000|{version}|onsale"
    )
    assert shop.shops.listing()[0]["platform_order_id"] == tid
    assert shop.shops.listing()[0]["refund"]["status"] == "WAIT_BUYER_RETURN_GOODS"
    assert not shop.world.effects


async def test_refusing_and_applying_again(shop: Taobao) -> None:
    tid, refund_id = applied(shop)
    args = {"refund_phase": "onsale", "refund_version": await shop.version_of(refund_id)}
    answer = await shop.call("taobao.refund.refuse", refund_id=refund_id, refuse_message="已发货", **args)
    assert answer["refund"]["status"] == "SELLER_REFUSE_BUYER"
    again = shop.shops.buyer_applies(tid, 1000, "再试")["refund_id"]
    listed = await shop.call("taobao.refunds.receive.get", fields=REFUND_FIELDS)
    assert {r["refund_id"]: r["status"] for r in listed["refunds"]["refund"]} == {
        refund_id: "CLOSED",
        again: "WAIT_SELLER_AGREE",
    }


@pytest.mark.parametrize(
    ("status", "fen"), [("to_ship", 0), ("to_ship", 10001), ("unpaid", 100), ("closed", 100)]
)
async def test_who_cannot_apply(shop: Taobao, status: str, fen: int) -> None:
    tid = shop.order(items=[{"price": "100.00"}], status=status)
    with pytest.raises(BadPayload):
        shop.shops.buyer_applies(tid, fen, "")


async def test_one_open_application_at_a_time(shop: Taobao) -> None:
    tid, _ = applied(shop)
    with pytest.raises(ValueError, match="进行中"):
        shop.shops.buyer_applies(tid, 100, "")


async def test_a_promise_in_the_memo_makes_the_buyer_apply(shop: Taobao) -> None:
    tid = shop.order(items=[{"price": "100.00"}])
    memo = "老客户 【前哨】同意退款 ¥30.00 少件 编号RF260105-1"
    await shop.call(MEMO, tid=tid, memo=memo)
    refund = shop.shops.listing()[0]["refund"]
    assert (refund["amount"], refund["status"]) == ("30.00", "WAIT_SELLER_AGREE")
    answer = await shop.call("taobao.refund.get", refund_id=refund["refund_id"], fields="reason")
    assert answer["refund"]["reason"] == "少件"
    await shop.call(MEMO, tid=tid, memo=f"{memo} 好的")
    assert len((await shop.call("taobao.refunds.receive.get", fields="refund_id"))["refunds"]["refund"]) == 1


@pytest.mark.parametrize("switch", ["off", "on"])
async def test_no_application_when_switched_off_or_not_possible(shop: Taobao, switch: str) -> None:
    shop.world.switches["taobao.buyer_follows_memo"] = switch
    tid = shop.order(items=[{"price": "10.00"}])
    amount = "5.00" if switch == "off" else "10.01"
    await shop.call(MEMO, tid=tid, memo=f"同意退款 ¥{amount}")
    assert shop.shops.listing()[0]["refund"] is None


async def test_the_consoles_button(shop: Taobao) -> None:
    tid = shop.order(items=[{"price": "100.00"}])
    url = f"{shop.world.base}/shops/taobao/buyer"
    async with shop.http.post(url, json={"tid": tid, "amount": "12.30", "reason": "破损"}) as response:
        assert (response.status, (await response.json())["amount"]) == (200, "12.30")
    async with shop.http.post(url, json={"tid": tid, "amount": "1"}) as response:
        assert response.status == 409
    async with shop.http.post(url, json={"tid": "1", "amount": "1"}) as response:
        assert response.status == 404
    async with shop.http.post(url, json={"tid": tid, "amount": "many"}) as response:
        assert response.status == 400


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async with taobao(tmp_path / "world.db") as first:
        _, refund_id = applied(first)
        await review(first, refund_id)
        await agree(first, refund_id)
        kept = (first.shops.listing(), first.credential()["session"], first.refund_effects())
    async with taobao(tmp_path / "world.db") as second:
        assert (second.shops.listing(), second.credential()["session"], second.refund_effects()) == kept
        assert (await second.call("taobao.refund.get", refund_id=refund_id, fields="status"))["refund"] == {
            "status": "SUCCESS"
        }
