"""What the sync engine asks of the Taobao connector: rows it cannot read, totals, clocks, limits of the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import stamina

from domain.order import Order
from domain.ports import BadSignature, Unreadable, Window
from integrations.commerce.taobao import TaobaoConnector
from tests.integrations.taobao_desk import connect
from tests.sandbox.taobao_kit import NOON, Taobao, taobao

LIST = "taobao.trades.sold.increment.get"


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


def last(minutes: float, *, ending: float = 0) -> Window:
    return Window(NOON - timedelta(minutes=minutes), NOON - timedelta(minutes=ending))


async def test_a_row_that_is_no_order_comes_out_beside_the_others(
    far: Taobao, tmall: TaobaoConnector
) -> None:
    far.shops.create_orders({"count": 3})
    far.plant("bad_row", path=LIST, field="created")
    found = [one async for one in tmall.iter_orders(last(5, ending=-1))]
    (broken,) = [one for one in found if isinstance(one, Unreadable)]
    good = {one.key.platform_order_id for one in found if isinstance(one, Order)}
    assert {*good, broken.platform_order_id} == {row["platform_order_id"] for row in far.shops.listing()}
    assert broken.platform_order_id in broken.raw
    assert "created" in broken.reason


async def test_the_platforms_total_is_that_of_the_half_open_window(
    far: Taobao, tmall: TaobaoConnector
) -> None:
    """Both ends are included by the platform; a day and more is asked in parts, each order counted once."""
    for minutes in (0, 10, 30, 31, 60 * 26):
        modified = NOON - timedelta(minutes=minutes)
        far.order(modified=modified.isoformat(), created=modified.isoformat())
    assert await tmall.count_orders(last(30)) == 2
    assert await tmall.count_orders(Window(NOON - timedelta(minutes=30), NOON + timedelta(seconds=1))) == 3
    assert await connect(far, window_minutes=1380).count_orders(last(60 * 30, ending=-1)) == 5


@pytest.mark.parametrize("skew", ["900", "-1300"])
async def test_the_platforms_clock_may_be_off(far: Taobao, tmall: TaobaoConnector, skew: str) -> None:
    tid = far.order()
    far.world.switches["taobao.clock_skew_s"] = skew
    assert (await tmall.get_order(tid)).key.platform_order_id == tid


async def test_a_connection_cut_before_anything_is_done_is_tried_again(
    far: Taobao, tmall: TaobaoConnector
) -> None:
    tid = far.order()
    far.plant("reset", count=2)
    assert (await tmall.get_order(tid)).key.platform_order_id == tid
    far.plant("doubled", path=LIST)
    found = [one async for one in tmall.iter_orders(last(5, ending=-1))]
    assert len(found) == 2, "a doubled row comes twice; the pool makes one of it"


def test_nothing_is_pushed_over_http(tmall: TaobaoConnector) -> None:
    assert tmall.capabilities.push_kind == "none"
    with pytest.raises(BadSignature):
        tmall.verify_push({}, b"{}", "http://127.0.0.1/push/taobao/tmall-flagship")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"window_minutes": 1441}, "window_minutes.*1440.*一天"),
        ({"window_minutes": 0}, "window_minutes"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_settings_that_would_break_a_limit_are_refused(
    far: Taobao, wrong: dict[str, int], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        connect(far, "tmall-flagship", **wrong)
