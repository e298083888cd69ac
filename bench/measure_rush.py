"""大促: ten times the peak of a million orders a day comes in, and people go on looking orders up."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from bench import million, rush_world
from bench.figures import Aim, Figure, one, percentile
from bench.rush_world import Day, live, open_world

NAME = "rush"
METHOD = """\
A fleet of two web processes, two workers and a scheduler (PostgreSQL 18 with its default settings, `fsync` on; Valkey
for hints, shared limits and tokens) over a database that holds a million orders. A shop of one's own pushes 116 new
orders a second for ten minutes, signed, to `/push/custom/…`, and every tenth of them once more when it ships: that is
the real intake, each push committed with its order, its audit row and its place on the feed of changes before its 200.
Lights are on: every new order is looked at by every rule, and one of 400 turns red during the run. 500 people look
orders up by number, ten a second, half of them stored ones and half that came in a moment ago, and tap 刷新 on a fifth
of the cards. Look-up: from the callback being sent to the card of that order reaching the one who asked, at a far side
that says yes at once. Acknowledge: from the callback being sent to its 200, at the
client. Drain: from the last push until inbox, outbox and the feed of changes hold nothing that is due. Shop, people and
PostgreSQL share the machine's two cores with the fleet; callbacks and pushes are sent when they are due, however long
the ones before take."""

WARM_SECONDS = 5.0
LATE_MOST = 1.0  # seconds that shop or people may be behind their plan
LOOK_UP = Aim(at_most=300.0)
ACKNOWLEDGE = Aim(at_most=100.0)
DRAIN = Aim(at_most=60.0)


async def run(quick: bool) -> list[Figure]:
    rows, seconds = (million.QUICK, 30.0) if quick else (million.FULL, 600.0)
    async with open_world(rows) as world:
        await live(world, WARM_SECONDS)
        await world.drained(120.0)
        day = await live(world, seconds, first=int(rush_world.ORDERS * WARM_SECONDS))
        drain = await _drained(world, day)
        return _figures(day, drain, seconds, rows, world.complaints())


async def _drained(world: rush_world.World, day: Day) -> float:
    await world.drained(600.0)
    return perf_counter() - day.ended


def _figures(day: Day, drain: float, seconds: float, rows: int, complaints: Sequence[str]) -> list[Figure]:
    if day.late > LATE_MOST:
        print(
            f"   shop or people were {day.late:.1f} s behind their plan: the machine is too busy", flush=True
        )
    if not day.found:
        raise RuntimeError(f"no look-up was answered; refused {day.refused}")
    rate = day.orders / seconds
    what = f"{rate:.0f} orders a second for {seconds:.0f} s into {rows:,}"
    errors = f"; errors in the logs: {len(complaints)} ({complaints[0]} …)" if complaints else ""
    return [
        Figure(
            name=f"look-up to card, p99, {what}",
            unit="ms",
            ours=one(percentile(day.found, 0.99)),
            aim=LOOK_UP,
            note=f"{len(day.found):,} look-ups, {_spread(day.found)}; {day.taps} taps; "
            f"most behind plan {1000 * day.late:.0f} ms{errors}",
        ),
        Figure(
            name=f"callback to acknowledgement, p99, {what}",
            unit="ms",
            ours=one(percentile(day.acknowledged, 0.99)),
            aim=ACKNOWLEDGE,
            note=_spread(day.acknowledged),
        ),
        Figure(
            name=f"push to acknowledgement, p99, {what}",
            unit="ms",
            ours=one(percentile(day.pushed, 0.99)),
            aim=ACKNOWLEDGE,
            note=f"{len(day.pushed):,} pushes ({day.shipped:,} of them shipments), {_spread(day.pushed)}",
        ),
        Figure(name=f"drain after {what}", unit="s", ours=one(drain), aim=DRAIN),
        Figure(
            name=f"callbacks and pushes refused, look-ups without their card, {what}",
            unit="",
            ours=one(float(sum(day.refused.values()) + day.unanswered)),
            aim=Aim(at_most=0.0),
            note=f"refused {dict(day.refused)}, orders that never came in {day.lost}" if day.refused else "",
        ),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5):.1f} ms, p95 {percentile(values, 0.95):.1f} ms, slowest {max(values):.0f} ms"
