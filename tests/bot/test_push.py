"""POST /push/{platform}/{shop} over a real desk: verified, stored, acknowledged, known again, read again."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from bot.compose import Desk, build_desk
from bot.server import build_app
from bot.settings import settings_from_text
from domain.clock import ManualClock
from domain.money import Money
from domain.order import Order, OrderKey, OrderState, ShopRefund
from domain.ports import (
    ActionResult,
    BadSignature,
    NotFound,
    PushAnswer,
    PushEvent,
    RemoteTemporary,
    ShopCapabilities,
    ShopConnector,
    Unreadable,
    Window,
)
from domain.sync import Held, PushState, ShopSync
from storage.errors import StorageUnavailable
from storage.tables import audit, outbox
from tests.bot.kit import until
from tests.bot.test_server import SETTINGS
from tests.samples import NOW, order

SECRET = b"made-up"
LAG = timedelta(seconds=30)
Client = TestClient[Any, Any]
KEY = OrderKey("mall", "M-1001")


class Mall:
    """A shop that pushes signed events and can be asked about its orders."""

    shop_code, platform, name = "mall", "custom", "自建商城"

    def __init__(self) -> None:
        self.capabilities = ShopCapabilities(
            refund="none",
            page_order="ascending",
            max_window_seconds=3600,
            page_size=100,
            push_kind="signed_webhook",
            lag_seconds=30,
        )
        self.orders: dict[str, Order] = {}
        self.failing: list[Exception] = []
        self.asked = 0

    def verify_push(self, headers: Mapping[str, str], body: bytes, _url: str, /) -> Sequence[PushEvent]:
        if not hmac.compare_digest(headers.get("X-Sign", ""), sign(body)):
            raise BadSignature("X-Sign")
        return [
            PushEvent(
                row["key"], row["order"], "order", self.orders[row["order"]] if row.get("whole") else None
            )
            for row in json.loads(body)
        ]

    def push_answer(self, ok: bool, /) -> PushAnswer:
        return (200, b'{"code":0}', "application/json") if ok else (503, b"later", "text/plain")

    async def get_order(self, platform_order_id: str) -> Order:
        self.asked += 1
        if self.failing:
            raise self.failing.pop(0)
        if platform_order_id not in self.orders:
            raise NotFound(platform_order_id)
        return self.orders[platform_order_id]

    async def iter_orders(self, _window: Window) -> AsyncIterator[Order | Unreadable]:
        for one in list(self.orders.values()):
            yield one

    async def count_orders(self, _window: Window) -> int | None:
        return None

    async def get_refund(self, platform_refund_id: str) -> ShopRefund:
        raise NotFound(platform_refund_id)

    async def agree_refund(self, _refund_id: str, _amount: Money, *, key: str) -> ActionResult:
        return ActionResult("rejected", key)

    async def invite_refund(self, _order_id: str, _amount: Money, *, key: str, reason: str) -> None:
        raise NotFound(f"{key} {reason}")

    async def close(self) -> None:
        """Nothing is held open."""


def sign(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def mall_order(version: int = 1, **changes: Any) -> Order:
    made = replace(order(), key=KEY, platform="custom", version=version, created_at=NOW)
    return replace(made, **{"modified_at": NOW, "seen_at": NOW, **changes})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Desk]:
    settings = settings_from_text(SETTINGS % tmp_path, environ={})
    made = build_desk(settings, clock=clock, roles=frozenset({"web"}))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def mall(desk: Desk) -> Mall:
    shop = Mall()
    cast("dict[str, ShopConnector]", desk.shops)["mall"] = shop
    return shop


@pytest.fixture
async def client(desk: Desk, mall: Mall) -> AsyncIterator[Client]:
    assert mall.shop_code in desk.shops
    async with TestClient(TestServer(build_app(desk))) as client:
        yield client


async def push(client: Client, *rows: dict[str, Any], signature: str | None = None) -> int:
    body = json.dumps(rows).encode()
    headers = {"X-Sign": sign(body) if signature is None else signature}
    async with client.post("/push/custom/mall", data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def count(desk: Desk, table: sa.Table) -> int:
    statement = sa.select(sa.func.count()).select_from(table)
    return int(await desk.db.read(lambda c: c.execute(statement).scalar_one()))


async def event(desk: Desk, key: str) -> PushState:
    found = await desk.db.unit_of_work("t").sync.push("mall", key)
    assert found is not None
    return found.state


async def stored(desk: Desk) -> Order | None:
    return await desk.db.unit_of_work("t").orders.by_key(KEY)


@pytest.mark.parametrize("path", ["/push/custom/nobody", "/push/taobao/mall", "/push/nothing/mall"])
async def test_unknown_shops_are_404(client: Client, path: str) -> None:
    async with client.post(path, data=b"x") as answer:
        assert answer.status == 404


async def test_a_shop_that_does_not_push_says_so(mall: Mall, client: Client) -> None:
    mall.capabilities = replace(mall.capabilities, push_kind="none")
    async with client.post("/push/custom/mall", data=b"x") as answer:
        assert (answer.status, "定时拉取" in (await answer.json())["error"]) == (404, True)


async def test_a_bad_signature_is_refused_before_anything_is_read(desk: Desk, client: Client) -> None:
    assert await push(client, {"key": "e1", "order": "M-1001"}, signature="0" * 64) == 401
    assert desk.metrics.refused.labels("custom", "signature")._value.get() == 1.0
    assert await count(desk, outbox) == 0
    assert await desk.db.unit_of_work("t").sync.push("mall", "e1") is None


async def test_a_signed_body_that_is_no_push_is_400(client: Client) -> None:
    body = b"{not json"
    async with client.post("/push/custom/mall", data=body, headers={"X-Sign": sign(body)}) as answer:
        assert answer.status == 400


async def test_a_push_is_stored_before_it_is_acknowledged_and_known_again(desk: Desk, client: Client) -> None:
    for _ in range(3):
        assert await push(client, {"key": "e1", "order": "M-1001"}) == 200
    assert await event(desk, "e1") is PushState.WAITING
    assert desk.metrics.duplicates.labels("custom")._value.get() == 2.0
    due = await desk.db.read(lambda c: c.execute(sa.select(outbox.c.due)).scalars().all())
    assert due == [int((NOW + LAG).timestamp()) * 1_000_000]


async def test_what_cannot_be_stored_is_not_acknowledged(
    desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_work: object) -> None:
        raise StorageUnavailable("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(desk.db.engines, "write", full)
        assert await push(client, {"key": "e1", "order": "M-1001"}) == 503
    assert await push(client, {"key": "e1", "order": "M-1001"}) == 200
    assert await event(desk, "e1") is PushState.WAITING


async def test_a_hint_is_read_at_the_shop_after_its_lag(
    desk: Desk, mall: Mall, client: Client, clock: ManualClock
) -> None:
    """The list lags: the first readings find nothing, the third does."""
    desk.deliverer.start()
    mall.failing = [NotFound("M-1001"), RemoteTemporary("504")]
    mall.orders["M-1001"] = mall_order()
    assert await push(client, {"key": "e1", "order": "M-1001"}) == 200
    assert mall.asked == 0
    await _ask_three_times(desk, mall, clock)
    await _settled(desk, "e1", PushState.DONE)
    found = await stored(desk)
    assert found is not None
    assert found.state is OrderState.TO_SHIP


async def test_a_shop_that_does_not_answer_leaves_the_order_to_the_pull(
    desk: Desk, mall: Mall, client: Client, clock: ManualClock
) -> None:
    desk.deliverer.start()
    mall.failing = [RemoteTemporary("504")] * 3
    await push(client, {"key": "e1", "order": "M-1001"})
    await _ask_three_times(desk, mall, clock)
    await _settled(desk, "e1", PushState.LEFT)
    assert await desk.db.unit_of_work("t").sync.shop("mall") == ShopSync("mall")


async def test_a_storm_of_pushes_for_one_order_is_read_once(
    desk: Desk, mall: Mall, client: Client, clock: ManualClock
) -> None:
    mall.orders["M-1001"] = mall_order(seen_at=NOW + 2 * LAG)
    for number in range(5):
        await push(client, {"key": f"e{number}", "order": "M-1001"})
    clock.advance(61)
    desk.deliverer.start()
    for number in range(5):
        await _settled(desk, f"e{number}", PushState.DONE)
    assert mall.asked == 1


async def _ask_three_times(desk: Desk, mall: Mall, clock: ManualClock) -> None:
    async def at_rest() -> bool:
        return not (await desk.db.outbox.depth()).get("running")

    for asked in (1, 2, 3):
        clock.advance(31)
        desk.db.outbox.wake.set()
        await until(partial(_asked, mall, asked))
        await until(at_rest)


def _asked(mall: Mall, times: int) -> bool:
    return mall.asked == times


async def _settled(desk: Desk, key: str, wanted: PushState) -> None:
    async def done() -> bool:
        return await event(desk, key) is not PushState.WAITING

    await until(done)
    assert await event(desk, key) is wanted


async def test_a_whole_order_comes_in_with_its_push(desk: Desk, mall: Mall, client: Client) -> None:
    mall.orders["M-1001"] = mall_order()
    assert await push(client, {"key": "e1", "order": "M-1001", "whole": True}) == 200
    found = await stored(desk)
    assert found is not None
    assert found.receiver.phone == "13800138000"
    assert await event(desk, "e1") is PushState.DONE
    mall.orders["M-1001"] = mall_order(2, state=OrderState.SHIPPED)
    assert await push(client, {"key": "e2", "order": "M-1001", "whole": True}) == 200
    found = await stored(desk)
    assert found is not None
    assert found.state is OrderState.SHIPPED
    assert await count(desk, outbox) == 0
    assert await count(desk, audit) == 2


async def test_an_older_push_and_a_step_back_change_nothing(desk: Desk, mall: Mall, client: Client) -> None:
    mall.orders["M-1001"] = mall_order(5, state=OrderState.SHIPPED)
    await push(client, {"key": "e1", "order": "M-1001", "whole": True})
    mall.orders["M-1001"] = mall_order(4, state=OrderState.COMPLETED)
    await push(client, {"key": "e2", "order": "M-1001", "whole": True})
    assert await count(desk, outbox) == 0
    mall.orders["M-1001"] = mall_order(9, state=OrderState.PAID)
    await push(client, {"key": "e3", "order": "M-1001", "whole": True})
    found = await stored(desk)
    assert found is not None
    assert (found.state, found.version) == (OrderState.SHIPPED, 5)
    assert await count(desk, outbox) == 1, "only the shop itself may take an order back: it is asked"


async def test_a_whole_order_that_makes_no_sense_is_held_until_a_good_copy_comes(
    desk: Desk, mall: Mall, client: Client
) -> None:
    mall.orders["M-1001"] = mall_order(paid=Money(-5))
    assert await push(client, {"key": "e1", "order": "M-1001", "whole": True}) == 200
    assert await stored(desk) is None
    held = await desk.db.unit_of_work("t").sync.held_order(KEY)
    assert held is not None
    assert (held.state, "负数" in held.reason) == (Held.OPEN, True)
    mall.orders["M-1001"] = mall_order()
    await push(client, {"key": "e2", "order": "M-1001", "whole": True})
    assert await stored(desk) is not None
    held = await desk.db.unit_of_work("t").sync.held_order(KEY)
    assert held is not None
    assert held.state is Held.CLEARED


async def test_when_too_many_wait_for_their_commit_a_push_is_refused_and_its_repeat_taken(
    desk: Desk, client: Client
) -> None:
    admission = desk.receiver.admission
    admission.most = 0
    assert await push(client, {"key": "e1", "order": "M-1001"}) == 503
    assert desk.metrics.refused.labels("custom", "waiting")._value.get() == 1.0
    assert await count(desk, outbox) == 0
    admission.most, admission.limit = 1, 0  # a full inbox is no concern of a push: it makes no row there
    assert await push(client, {"key": "e1", "order": "M-1001"}) == 200
    assert admission.waiting == 0
