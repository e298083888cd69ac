"""The pull over a real database: the cursor never runs ahead of the rows, whatever breaks off or runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from domain.clock import ManualClock
from domain.intake import IntakeCount
from domain.money import Money
from domain.order import Order, OrderKey, OrderState
from domain.ports import NotFound, RemoteTemporary, ShopCapabilities, Unreadable, Window
from domain.sync import Held
from domain.sync_counting import check_counts
from domain.sync_intake import SyncDesk, take_in
from domain.sync_policy import SyncPolicy
from domain.sync_read import BATCH, Far
from domain.sync_run import reread, sync_shop
from storage.bulk import BulkIntake
from storage.database import Database, open_database
from tests.bot.test_push import Mall
from tests.samples import NOW, order
from tests.storage.factory import DATA_KEY

MINUTE = timedelta(minutes=1)
CAPS = ShopCapabilities(
    refund="none",
    page_order="any",
    max_window_seconds=1800,
    page_size=100,
    overlap_seconds=120,
    lag_seconds=30,
)


class Shop(Mall):
    """Lists what it holds by its times; breaks off where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = CAPS
        self.rows: list[Order | Unreadable] = []
        self.breaks_after: int | None = None
        self.total: int | None = None
        self.windows: list[Window] = []

    async def iter_orders(self, window: Window) -> AsyncIterator[Order | Unreadable]:
        self.windows.append(window)
        given = 0
        for row in list(self.rows):
            if isinstance(row, Order) and not _inside(row.modified_at, window):
                continue
            if self.breaks_after is not None and given >= self.breaks_after:
                raise RemoteTemporary("半路断了")
            given += 1
            yield row

    async def count_orders(self, window: Window) -> int | None:
        if self.total is not None:
            return self.total
        return sum(1 for row in self.rows if isinstance(row, Order) and _inside(row.modified_at, window))

    async def get_order(self, platform_order_id: str) -> Order:
        self.asked += 1
        for row in self.rows:
            if isinstance(row, Order) and row.key.platform_order_id == platform_order_id:
                return row
        raise NotFound(platform_order_id)


def _inside(moment: datetime | None, window: Window) -> bool:
    return moment is not None and window.start <= moment < window.end


@dataclass
class Intake:
    """The real one, which dies when it is told to."""

    real: BulkIntake
    dies_after: int | None = None
    calls: list[int] = field(default_factory=list)

    async def store(self, orders: Sequence[Order], *, source: str, trace_id: str = "") -> IntakeCount:
        if self.dies_after is not None and len(self.calls) >= self.dies_after:
            raise OSError("the process is going down")
        self.calls.append(len(orders))
        return await self.real.store(orders, source=source, trace_id=trace_id)


@dataclass
class Bench:
    db: Database
    clock: ManualClock
    shop: Shop
    intake: Intake
    desk: SyncDesk

    @property
    def far(self) -> Far:
        return Far(self.shop, "m")

    async def pool(self) -> int:
        since = NOW - timedelta(days=30)
        return await self.db.unit_of_work("t").sync.count_modified("mall", since, NOW + timedelta(days=1))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ManualClock(NOW)
    db = open_database(f"sqlite+aiosqlite:///{tmp_path}/q.db", clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    intake = Intake(BulkIntake(db))
    policy = SyncPolicy(first_days=1)
    desk = SyncDesk(lambda: db.unit_of_work("t"), intake, clock, policy, "t")
    yield Bench(db, clock, Shop(), intake, desk)
    await db.close()


def sold(number: int, minutes_ago: float = 20.0, **changes: object) -> Order:
    made = replace(order(), key=OrderKey("mall", f"M-{number}"), platform="custom")
    at = NOW - minutes_ago * MINUTE
    return replace(made, modified_at=at, version=int(at.timestamp() * 1000), **changes)  # type: ignore[arg-type]  # named by tests


async def test_all_windows_are_read_and_the_cursor_stands_at_the_lag(bench: Bench) -> None:
    bench.shop.rows = [sold(n, minutes_ago=60 * n + 5) for n in range(20)]
    outcome = await sync_shop(bench.desk, bench.far)
    assert outcome.taken.inserted == 20
    assert outcome.state.cursor == NOW - timedelta(seconds=30)
    assert all(w.end - w.start <= 30 * MINUTE for w in bench.shop.windows)
    again = await sync_shop(bench.desk, bench.far)
    assert (again.taken.stored, again.windows) == (0, 0)


async def test_the_cursor_stays_when_a_page_is_missing(bench: Bench) -> None:
    await sync_shop(bench.desk, bench.far)
    cursor = (await bench.db.unit_of_work("t").sync.shop("mall")).cursor
    bench.clock.advance(600)
    bench.shop.rows = [sold(n, minutes_ago=-5) for n in range(BATCH + 10)]
    bench.shop.breaks_after = BATCH + 5
    outcome = await sync_shop(bench.desk, bench.far)
    assert isinstance(outcome.error, RemoteTemporary)
    assert (outcome.state.cursor, outcome.state.failures) == (cursor, 1)
    assert await bench.pool() == BATCH, "what was stored before is there"
    bench.shop.breaks_after = None
    bench.clock.advance(31)
    outcome = await sync_shop(bench.desk, bench.far)
    assert (outcome.taken.inserted, outcome.taken.unchanged) == (10, BATCH)
    assert outcome.state.cursor == bench.clock.now() - timedelta(seconds=30)


async def test_a_process_that_dies_between_rows_and_cursor_reads_them_again(bench: Bench) -> None:
    bench.shop.rows = [sold(n) for n in range(BATCH + 1)]
    bench.intake.dies_after = 1
    outcome = await sync_shop(bench.desk, bench.far)
    assert isinstance(outcome.bug, OSError)
    cursor = outcome.state.cursor
    assert cursor is not None
    assert cursor <= NOW - 30 * MINUTE, "only windows that were read to the end"
    bench.intake.dies_after = None
    bench.clock.advance(31)
    await sync_shop(bench.desk, bench.far)
    assert await bench.pool() == BATCH + 1


async def test_two_processes_at_once_do_no_harm(bench: Bench) -> None:
    bench.shop.rows = [sold(n, minutes_ago=20 * n + 5) for n in range(30)]
    outcomes = await asyncio.gather(*(sync_shop(bench.desk, bench.far) for _ in range(3)))
    assert [outcome.fault for outcome in outcomes] == [None] * 3
    assert await bench.pool() == 30
    state = await bench.db.unit_of_work("t").sync.shop("mall")
    assert state.cursor == NOW - timedelta(seconds=30)


async def test_a_run_reads_its_share_and_the_next_one_goes_on(bench: Bench) -> None:
    desk = replace(bench.desk, policy=SyncPolicy(first_days=1, windows_per_run=10))
    first = await sync_shop(desk, bench.far)
    second = await sync_shop(desk, bench.far)
    assert (first.windows, second.windows) == (10, 10)
    assert first.state.cursor is not None
    assert second.state.cursor is not None
    assert second.state.cursor > first.state.cursor


async def test_doubled_rows_and_other_copies_are_one_order(bench: Bench) -> None:
    late = replace(sold(1, minutes_ago=10), state=OrderState.SHIPPED)
    taken = await take_in(bench.desk, "mall", [sold(1), late, sold(1), late])
    assert (taken.inserted, taken.updated) == (1, 0)
    found = await bench.db.unit_of_work("t").orders.by_key(OrderKey("mall", "M-1"))
    assert found is not None
    assert found.state is OrderState.SHIPPED


async def test_bad_rows_wait_while_the_others_come_in(bench: Bench) -> None:
    broken = Unreadable("M-9", '{"id": "M-9"}', "没有 created")
    bench.shop.rows = [sold(1), replace(sold(2), paid=Money(-1)), broken, sold(3)]
    outcome = await sync_shop(bench.desk, bench.far)
    assert outcome.taken.inserted == 2
    states = bench.db.unit_of_work("t").sync
    held = {item.platform_order_id: item for item in await states.all_held()}
    assert set(held) == {"M-2", "M-9"}
    assert held["M-9"].raw == '{"id": "M-9"}'
    bench.shop.rows = [sold(1), sold(2), sold(9), sold(3)]
    bench.clock.advance(60)
    await reread(bench.desk, bench.far, 2)
    assert await bench.db.unit_of_work("t").sync.all_held() == []
    cleared = await bench.db.unit_of_work("t").sync.held_order(OrderKey("mall", "M-2"))
    assert cleared is not None
    assert (cleared.state, cleared.raw) == (Held.CLEARED, "")


async def test_a_quarantined_order_of_long_ago_is_asked_for_by_its_number(bench: Bench) -> None:
    """No window will ever list it again: the hourly look asks for it, and gives up after a day."""
    await take_in(bench.desk, "mall", [Unreadable("M-7", "{}", "看不懂"), Unreadable("M-8", "{}", "看不懂")])
    bench.shop.rows = [sold(7, minutes_ago=60 * 24 * 9)]
    for _ in range(30):
        await reread(bench.desk, bench.far, 2)
    held = await bench.db.unit_of_work("t").sync.all_held()
    assert [(item.platform_order_id, item.tries) for item in held] == [("M-8", 24)]
    assert await bench.pool() == 1
    assert bench.shop.asked == 1 + 23


async def test_an_unmapped_state_comes_in_with_a_warning(bench: Bench) -> None:
    odd = sold(1, state=OrderState.UNKNOWN, state_raw="WAIT_MOON")
    taken = await take_in(bench.desk, "mall", [odd])
    assert (taken.inserted, taken.held) == (1, frozenset())
    (item,) = await bench.db.unit_of_work("t").sync.all_held()
    assert (item.warning, item.raw, "WAIT_MOON" in item.reason) == (True, "", True)
    await take_in(bench.desk, "mall", [sold(1, minutes_ago=5)])
    assert await bench.db.unit_of_work("t").sync.all_held() == []


async def test_an_order_that_left_the_window_is_no_difference(bench: Bench) -> None:
    """It changed after our last reading: theirs is later now, ours still stands in the window."""
    bench.shop.rows = [sold(1), sold(2)]
    await sync_shop(bench.desk, bench.far)
    bench.shop.rows = [sold(1), sold(2, minutes_ago=0)]
    outcome = await check_counts(bench.desk, bench.far, 2)
    assert (outcome.state.ours, outcome.state.theirs, outcome.state.unsettled) == (1, 1, False)
    assert bench.shop.asked == 1


async def test_quarantined_rows_count_as_known(bench: Bench) -> None:
    bench.shop.rows = [sold(1), replace(sold(2), paid=Money(-1))]
    await sync_shop(bench.desk, bench.far)
    outcome = await check_counts(bench.desk, bench.far, 2)
    assert (outcome.state.ours, outcome.state.theirs, outcome.state.unsettled) == (2, 2, False)


async def test_what_stays_different_is_unsettled_until_it_fits(bench: Bench) -> None:
    bench.shop.rows = [sold(1)]
    await sync_shop(bench.desk, bench.far)
    bench.shop.total = 5
    outcome = await check_counts(bench.desk, bench.far, 2)
    assert (outcome.state.ours, outcome.state.theirs, outcome.state.unsettled) == (1, 5, True)
    bench.shop.total = None
    outcome = await check_counts(bench.desk, bench.far, 2)
    assert not outcome.state.unsettled
