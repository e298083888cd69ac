"""The connector against the simulated platform over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
import stamina

from domain.money import Money
from domain.order import MoneyState, Order, RefundProcess, ShopRefund
from domain.ports import (
    ActionResult,
    AuthExpired,
    NotFound,
    Rejected,
    RemoteTemporary,
    RemoteUnknown,
    ShopConnector,
    Window,
)
from integrations.commerce.taobao import TaobaoConnector
from integrations.commerce.taobao.inviting import extended_memo, has_key, memo_line
from integrations.commerce.taobao.paging import split
from tests.integrations.taobao_desk import connect
from tests.sandbox.taobao_kit import NOON, Taobao, taobao

KEY = "RF260105-0001"
LIST = "taobao.trades.sold.increment.get"
REVIEW = "taobao.rp.refund.review"
AGREE = "taobao.rp.refunds.agree"


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Taobao]:
    async with taobao() as running:
        yield running


@pytest.fixture
def tmall(far: Taobao) -> TaobaoConnector:
    return connect(far)


async def applied(far: Taobao, connector: ShopConnector, fen: int = 3000) -> ShopRefund:
    tid = far.order(connector.shop_code, items=[{"price": "100.00"}])
    refund_id = far.shops.buyer_applies(tid, fen, "少件")["refund_id"]
    return await connector.get_refund(refund_id)


async def pulled(connector: ShopConnector, window: Window) -> dict[str, Order]:
    found = [order async for order in connector.iter_orders(window)]
    return {order.key.platform_order_id: order for order in found if isinstance(order, Order)}


def last(minutes: float, *, ending: float = 0) -> Window:
    return Window(NOON - timedelta(minutes=minutes), NOON - timedelta(minutes=ending))


async def test_a_whole_order(far: Taobao, tmall: TaobaoConnector) -> None:
    tid = far.order(
        items=[{"title": "沙发套", "sku": "SOFA", "num": 2, "price": "60.00"}],
        payment="100.00",
        receiver={"name": "李样例", "phone": "13800131234"},
        refund={"amount": "30.00", "reason": "色差"},
        buyer_message="包结实点",
    )
    order = await tmall.get_order(tid)
    assert (order.total, order.paid, order.discount) == (Money(12000), Money(10000), Money(2000))
    assert (order.receiver.phone_mask[-4:], order.receiver.phone) == ("1234", "")
    assert order.receiver.oaid
    assert (order.buyer_remark, order.region, order.warehouse) == ("包结实点", "华东", "HZ1")
    assert order.seen_at == NOON
    (refund,) = order.refunds
    assert (refund.amount, refund.process, refund.reason) == (Money(3000), RefundProcess.APPLIED, "色差")


async def test_unknown_numbers_are_not_found(tmall: TaobaoConnector) -> None:
    with pytest.raises(NotFound):
        await tmall.get_order("4123456789012345999")
    with pytest.raises(NotFound):
        await tmall.get_refund("180000000000000")


async def test_the_week_is_pulled_whole(far: Taobao, tmall: TaobaoConnector) -> None:
    far.shops.seed_week()
    far.world.switches["taobao.calls_per_second"] = "100000"
    mine = {row["platform_order_id"]: row for row in far.shops.listing() if row["shop"] == "tmall-flagship"}
    orders = await pulled(tmall, last(8 * 24 * 60))
    assert orders.keys() == mine.keys()
    for tid, order in orders.items():
        assert bool(order.refunds) == bool(mine[tid]["refund"])


def test_windows_are_split_without_gaps() -> None:
    parts = list(split(last(70)))
    assert [part.end - part.start for part in parts] == [timedelta(minutes=m) for m in (30, 30, 10)]
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert (parts[0].start, parts[-1].end) == (last(70).start, NOON)


async def test_rows_that_leave_a_past_window_lose_nobody(far: Taobao, tmall: TaobaoConnector) -> None:
    """Changed orders move out of the window while it is walked: 1 → N would skip their neighbours."""
    forms = [{"modified": f"2026-01-05T11:{20 + n // 60:02d}:{n % 60:02d}"} for n in range(350)]
    made = {row["platform_order_id"] for row in far.shops.create_orders({"orders": forms})["orders"]}
    far.world.switches["taobao.churn"] = "5"
    found = await pulled(tmall, last(50, ending=20))
    far.world.switches["taobao.churn"] = "0"
    changed = await pulled(tmall, last(1, ending=-1))
    assert len(changed) >= 20
    assert found.keys() | changed.keys() == made


async def test_rows_that_come_in_on_top_of_an_open_window_lose_nobody(
    far: Taobao, tmall: TaobaoConnector
) -> None:
    """An order already read changes and moves to the top: its neighbours slip onto pages already read."""
    forms = [{"modified": f"2026-01-05T11:{40 + n // 60:02d}:{n % 60:02d}"} for n in range(250)]
    rows = far.shops.create_orders({"orders": forms})["orders"]
    oldest = far.shops.books.trades[rows[0]["platform_order_id"]]
    found: set[str] = set()
    async for order in tmall.iter_orders(Window(NOON - timedelta(minutes=25), NOON + timedelta(minutes=5))):
        assert isinstance(order, Order)
        found.add(order.key.platform_order_id)
        if len(found) == 50:  # the last page is through
            far.shops.books.save_trade(oldest)
    assert found == {row["platform_order_id"] for row in rows}


async def test_a_list_that_never_rests_is_left_for_later(far: Taobao, tmall: TaobaoConnector) -> None:
    far.shops.create_orders({"orders": [{"modified": "2026-01-05T11:50:00"} for _ in range(5)]})
    books = far.shops.books

    def something_changes() -> None:
        far.world.clock.advance(1)
        books.save_trade(min(books.trades.values(), key=lambda trade: trade.modified))

    far.before_call(LIST, something_changes)
    with pytest.raises(RemoteTemporary, match="稍后重读"):
        await pulled(tmall, last(25, ending=-5))


async def test_pages_are_walked_backwards_after_one_counted_call(far: Taobao, tmall: TaobaoConnector) -> None:
    far.shops.create_orders({"count": 250})
    await pulled(tmall, last(10, ending=-1))
    requests = [e.request for e in far.world.exchanges if LIST in e.target]
    assert ["page_no=1&" in requests[0], "use_has_next=false" in requests[0]] == [True, True]
    walked = [part for text in requests[1:] for part in text.split("&") if part.startswith("page_no=")]
    assert walked == ["page_no=3", "page_no=2", "page_no=1"]
    assert all("use_has_next=true" in text for text in requests[1:])


async def test_throttled_then_done(far: Taobao, tmall: TaobaoConnector) -> None:
    tid = far.order()
    far.plant("429", count=2)
    assert (await tmall.get_order(tid)).key.platform_order_id == tid


async def test_an_ended_session(far: Taobao, tmall: TaobaoConnector) -> None:
    far.plant("token_revoked")
    with pytest.raises(AuthExpired):
        await tmall.get_order(far.order())


@pytest.mark.parametrize("changes_version", ["off", "on"])
async def test_tmall_reviews_before_it_agrees(
    far: Taobao, tmall: TaobaoConnector, changes_version: str
) -> None:
    far.world.switches["taobao.review_changes_version"] = changes_version
    refund = await applied(far, tmall)
    result = await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert result.status == "done"
    writes = [call for call in far.calls() if "rp.refund" in call]
    assert writes == [REVIEW, AGREE]
    assert far.refund_effects() == [(refund.platform_refund_id, 3000)]
    assert (await tmall.get_refund(refund.platform_refund_id)).money is MoneyState.SUCCESS


async def test_taobao_shops_agree_without_a_review(far: Taobao) -> None:
    outlet = connect(far, "taobao-outlet")
    refund = await applied(far, outlet)
    assert (await outlet.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)).status == "done"
    assert far.calls("review") == []


async def test_a_second_agreement_is_already_done(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)
    await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert (
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    ).status == "already_done"
    assert len(far.calls(AGREE)) == 1
    assert len(far.refund_effects()) == 1


async def test_a_lost_answer_is_unknown_then_found_done(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)
    far.plant("lost_answer", path=AGREE)
    with pytest.raises(RemoteUnknown):
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert (await tmall.get_refund(refund.platform_refund_id)).money is MoneyState.SUCCESS
    assert (
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    ).status == "already_done"
    assert far.refund_effects() == [(refund.platform_refund_id, 3000)]


@pytest.mark.parametrize("kind", ["5xx", "html", "isp", "truncated"])
async def test_other_doubts_about_the_agreement(far: Taobao, tmall: TaobaoConnector, kind: str) -> None:
    refund = await applied(far, tmall)
    far.plant(kind, path=AGREE)
    with pytest.raises(RemoteUnknown):
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    again = await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert again.status == ("already_done" if kind == "truncated" else "done")
    assert len(far.refund_effects()) == 1


async def test_doubts_about_the_review_are_just_repeated(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)
    far.plant("lost_answer", path=REVIEW)
    assert (await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)).status == "done"
    assert len(far.refund_effects()) == 1


async def test_no_word_after_the_agreement_is_unknown(far: Taobao) -> None:
    """The platform agreed, but whether the money went back could not be read."""
    refund = await applied(far, connect(far, "taobao-outlet"))
    outlet = connect(far, "taobao-outlet")
    reads = 0

    def break_second_read() -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            far.plant("token_revoked", path="refund.get")

    far.before_call("taobao.refund.get", break_second_read)
    with pytest.raises(RemoteUnknown, match="还没核对到账"):
        await outlet.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert len(far.refund_effects()) == 1


async def test_agreed_is_not_paid(far: Taobao, tmall: TaobaoConnector) -> None:
    """The application turned into a return of goods just before we agreed: no money went back."""
    refund = await applied(far, tmall)
    stored = far.shops.books.refunds[refund.platform_refund_id]
    far.before_call(AGREE, lambda: setattr(stored, "good_return", True))
    with pytest.raises(RemoteUnknown, match="钱还没有退出"):
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert not far.refund_effects()


async def test_an_sms_code_is_a_persons_work(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)
    far.world.switches["taobao.sms_code"] = "on"
    result = await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert result.status == "needs_code"
    assert refund.platform_refund_id in result.message
    assert not far.refund_effects()


async def test_more_than_was_applied_for_is_rejected_unasked(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall, 2000)
    result = await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    assert (result.status, "¥20.00" in result.message) == ("rejected", True)
    assert far.calls(AGREE) == []


async def test_a_refused_row_is_rejected_with_its_reason(far: Taobao, tmall: TaobaoConnector) -> None:
    far.world.switches["taobao.agree_amount"] = "exact"
    refund = await applied(far, tmall)
    result = await tmall.agree_refund(refund.platform_refund_id, Money(2000), key=KEY)
    assert result == ActionResult("rejected", "淘宝没有同意退款：退款金额与买家申请不符")


async def test_a_change_under_our_hands_is_looked_at_again(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)

    def buyer_changes_something() -> None:
        books = far.shops.books
        books.save_refund(books.refunds[refund.platform_refund_id])

    far.before_call(AGREE, buyer_changes_something)
    with pytest.raises(RemoteTemporary):
        await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)
    far.hooks.clear()
    assert (await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)).status == "done"


async def test_closed_applications_and_returns_are_rejected(far: Taobao, tmall: TaobaoConnector) -> None:
    refund = await applied(far, tmall)
    version = {"refund_phase": "onsale", "refund_version": refund.version}
    await far.call(
        "taobao.refund.refuse", refund_id=refund.platform_refund_id, refuse_message="不", **version
    )
    assert (await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)).status == "rejected"
    tid = far.order(refund={"amount": "10.00", "good_return": True})
    back = (await tmall.get_order(tid)).refunds[0]
    result = await tmall.agree_refund(back.platform_refund_id, Money(1000), key=KEY)
    assert (result.status, "退货" in result.message) == ("rejected", True)
    assert far.calls(AGREE) == []


async def test_an_invitation_brings_the_buyer(far: Taobao, tmall: TaobaoConnector) -> None:
    tid = far.order(items=[{"price": "100.00"}], seller_memo="老客户")
    await far.call("taobao.trade.memo.update", tid=tid, memo="老客户", flag="2")
    await tmall.invite_refund(tid, Money(3000), key=KEY, reason="少件")
    order = await tmall.get_order(tid)
    assert order.seller_remark == f"老客户 【前哨】同意退款 ¥30.00 少件 编号{KEY}"
    assert [(r.amount, r.reason, r.process) for r in order.refunds] == [
        (Money(3000), "少件", RefundProcess.APPLIED)
    ]
    flag = await far.call("taobao.trade.fullinfo.get", tid=tid, fields="seller_flag")
    assert flag["trade"] == {"seller_flag": 2}


async def test_an_invitation_is_written_once(far: Taobao, tmall: TaobaoConnector) -> None:
    tid = far.order(items=[{"price": "100.00"}])
    for _ in range(2):
        await tmall.invite_refund(tid, Money(3000), key=KEY, reason="少件")
    assert len(far.calls("memo.update")) == 1
    far.world.switches["taobao.buyer_follows_memo"] = "off"
    await tmall.invite_refund(tid, Money(500), key=KEY + "9", reason="少件")
    assert far.shops.listing()[0]["memo"].count("【前哨】") == 2


async def test_an_invitation_survives_a_lost_answer(far: Taobao, tmall: TaobaoConnector) -> None:
    tid = far.order(items=[{"price": "100.00"}])
    far.plant("lost_answer", path="memo.update")
    await tmall.invite_refund(tid, Money(3000), key=KEY, reason="少件")
    assert far.shops.listing()[0]["memo"].count(KEY) == 1
    other = far.order()
    far.plant("5xx", path="memo.update")
    with pytest.raises(RemoteTemporary):
        await tmall.invite_refund(other, Money(100), key=KEY, reason="少件")


def test_memo_lines_fit_and_keys_are_told_apart() -> None:
    line = memo_line(Money(3000), "很\n长【】" * 99, KEY)
    assert "\n" not in line
    assert line.endswith(f"编号{KEY}")
    assert len(line.encode()) < 220
    assert has_key(line, KEY)
    assert not has_key(line, KEY[:-1])
    with pytest.raises(Rejected, match="写满"):
        extended_memo("满" * 320, line)


async def test_the_whole_way_of_a_refund(far: Taobao, tmall: TaobaoConnector) -> None:
    """Approved at the desk, left word, applied by the buyer, agreed once, order closed."""
    tid = far.order(items=[{"price": "30.00"}])
    before = await tmall.get_order(tid)
    await tmall.invite_refund(tid, Money(3000), key=KEY, reason="少件")
    (refund,) = (await tmall.get_order(tid)).refunds
    assert (await tmall.agree_refund(refund.platform_refund_id, Money(3000), key=KEY)).status == "done"
    after = await tmall.get_order(tid)
    assert (after.state, after.refunds[0].money) == ("closed", MoneyState.SUCCESS)
    assert after.version > before.version
    told = [entry.text for entry in after.timeline]
    assert told == ["下单", "付款 ¥30.00", "退款申请 ¥30.00：少件", "退款成功 ¥30.00", "交易关闭"]
