"""One shop of the contract in front of the simulated system: the list that moves, single orders, no refunds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.money import Money
from domain.order import Order, OrderState
from domain.ports import NotFound, Rejected, RemoteTemporary, Unreadable, Window
from integrations.commerce.custom import CustomConnector
from tests.integrations.custom_desk import connect
from tests.sandbox.custom_kit import NOON, Custom, custom

DAY = Window(NOON - timedelta(days=1), NOON + timedelta(days=1))


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Custom]:
    async with custom() as running:
        yield running


async def read(shop: CustomConnector, window: Window = DAY) -> list[Order | Unreadable]:
    return [one async for one in shop.iter_orders(window)]


def numbers(found: list[Order | Unreadable]) -> list[str]:
    return [one.key.platform_order_id for one in found if isinstance(one, Order)]


async def test_the_list_over_several_pages(far: Custom) -> None:
    made = []
    for _ in range(7):
        far.world.clock.advance(1)
        made.append(far.order())
    far.order("pos-01")
    shop = connect(far, page_size=3)
    assert numbers(await read(shop)) == made
    assert await shop.count_orders(DAY) == 7
    assert len(far.calls()) == 4


async def test_windows_are_half_open(far: Custom) -> None:
    number, shop = far.order(), connect(far)
    hour = timedelta(hours=1)
    assert numbers(await read(shop, Window(NOON, NOON + hour))) == [number]
    assert await read(shop, Window(NOON - hour, NOON)) == []
    assert await shop.count_orders(Window(NOON - hour, NOON)) == 0


async def test_an_order_that_changes_during_the_walk_is_not_lost(far: Custom) -> None:
    """What changes moves to the end of the list: it comes again, and nothing is pushed past."""
    made = {far.order() for _ in range(20)}
    far.world.switches["custom.churn"] = "3"
    found = numbers(await read(connect(far, page_size=4)))
    assert set(found) == made
    assert len(found) > len(made)


async def test_a_row_that_is_no_order_is_told_of_and_the_others_come(far: Custom) -> None:
    made = [far.order() for _ in range(3)]
    far.plant("bad_row")
    found = await read(connect(far))
    (held,) = [one for one in found if isinstance(one, Unreadable)]
    assert held.platform_order_id in made
    assert "created_at" in held.reason
    assert len(numbers(found)) == 2


async def test_a_cursor_that_never_ends_is_a_fault_of_theirs(far: Custom) -> None:
    async def same(_request: web.Request) -> web.Response:
        return web.json_response({"orders": [], "next_cursor": "again"})

    app = web.Application()
    app.router.add_get("/orders", same)
    async with TestServer(app) as server:
        with pytest.raises(RemoteTemporary, match="next_cursor"):
            await read(connect(far, api_base=str(server.make_url("")).rstrip("/")))


@pytest.mark.parametrize("answer", [{"orders": {}}, {"orders": ["x"]}])
async def test_a_list_that_is_none_is_said(far: Custom, answer: dict[str, object]) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/orders", odd)
    async with TestServer(app) as server:
        with pytest.raises(Rejected, match="看不懂"):
            await read(connect(far, api_base=str(server.make_url("")).rstrip("/")))


async def test_one_order(far: Custom) -> None:
    number = far.order(status="shipped", payment="20.00", items=[{"price": "30.00", "num": 1}])
    order = await connect(far).get_order(number)
    assert (order.state, order.paid, order.total, order.discount) == (
        OrderState.SHIPPED,
        Money(2000),
        Money(3000),
        Money(1000),
    )
    assert order.waybills
    with pytest.raises(NotFound):
        await connect(far).get_order("MP000000")


async def test_without_a_list_nothing_is_asked(far: Custom) -> None:
    shop = connect(far, "pos-01", api_base="")
    assert not shop.capabilities.pulls
    assert await read(shop) == []
    assert await shop.count_orders(DAY) is None
    with pytest.raises(NotFound, match="推送"):
        await shop.get_order(far.order("pos-01"))
    assert far.calls() == []


async def test_refunds_are_made_on_the_other_side(far: Custom) -> None:
    shop = connect(far)
    assert shop.capabilities.refund == "none"
    refused = await shop.agree_refund("CR1", Money(100), key="RF1")
    assert refused.status == "rejected"
    assert "后台" in refused.message
    with pytest.raises(Rejected):
        await shop.invite_refund("MP1", Money(100), key="RF1", reason="破损")
    with pytest.raises(NotFound):
        await shop.get_refund("CR1")


async def test_a_real_push_of_the_simulated_system(far: Custom) -> None:
    await far.listen()
    number = far.order()
    await far.shops.pushes_done()
    (heard,) = far.heard
    (event,) = connect(far).verify_push(heard.headers, heard.body, "")
    pulled = await connect(far).get_order(number)
    assert isinstance(event.raw_order, Order)
    assert event.raw_order == pulled, "whatever way an order comes, it is the same order"
