"""From a text to its command, in process: flat in the number of commands, against aiogram's dispatcher."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import cast

from bench.figures import Aim, Figure, Rounds
from bench.processes import PEERS, stop
from cards.scene import Scene, ShopInfo
from domain.chat import Account, Message
from domain.clock import ManualClock
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.staff import Role, Staff
from handlers.entry import find_command, handle
from handlers.router import Context, Router, Routes, compile_routes

NAME = "dispatch"
METHOD = """\
`find_command` alone, and the whole `handlers.entry.handle` with a context around a text message, for 1, 20, 100 and
500 registered commands, the first and the last of them. Each name is Chinese with a Latin alias. The slope is the time
added by one more command, fitted over 1 to 500 commands, as a share of the time with one. aiogram's dispatcher runs in
its own interpreter: `feed_update` of a message with 100 registered commands, the last one asked for, its update
validated beforehand, no network. Rounds of the two alternate; the median round counts."""

SIZES = (1, 20, 100, 500)
PEER_COMMANDS = 100
_NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
_LIN = Staff("lin", "林小满", frozenset({Role.SERVICE}), accounts=(Account("wecom", "main", "lin"),))


async def run(quick: bool) -> list[Figure]:
    rounds, times = (3, 2000) if quick else (9, 10_000)
    peer = await _aiogram()
    try:
        handled: list[float] = []
        theirs: list[float] = []
        found: dict[tuple[int, str], list[float]] = {}
        for _ in range(rounds):
            for size in SIZES:
                routes = _routes(size)
                for which in ("first", "last"):
                    found.setdefault((size, which), []).append(_find(routes, which, times))
            handled.append(await _whole(_routes(PEER_COMMANDS), times))
            theirs.append(await _ask(peer, f"{PEER_COMMANDS} last {times // 10}"))
    finally:
        await stop(peer)
    return [_whole_figure(handled, theirs), *_find_figures(found, theirs)]


def _whole_figure(handled: list[float], theirs: list[float]) -> Figure:
    return Figure(
        name="the whole of handlers.entry.handle, 100 commands, last registered",
        unit="ms",
        ours=_ms(handled),
        peer=_ms(theirs),
        peer_name="aiogram dispatcher, 100 commands, last registered",
        aim=Aim(at_most=0.05),
    )


def _find_figures(found: Mapping[tuple[int, str], list[float]], theirs: list[float]) -> list[Figure]:
    last = {size: Rounds(found[size, "last"]).middle for size in SIZES}
    first = {size: Rounds(found[size, "first"]).middle for size in SIZES}
    note = "; ".join(f"{size}: first {first[size]:.2f} µs, last {last[size]:.2f} µs" for size in SIZES)
    return [
        Figure(
            name="find_command, 100 commands, last registered",
            unit="ms",
            ours=_ms(found[PEER_COMMANDS, "last"]),
            peer=_ms(theirs),
            peer_name="aiogram dispatcher, 100 commands, last registered",
            aim=Aim(at_most=0.05, ratio=15.0),
            note=note,
        ),
        Figure(
            name="slope of find_command: one more command",
            unit="%",
            ours=Rounds([max(_slope(found, which) for which in ("first", "last"))]),
            aim=Aim(at_most=1.0),
        ),
    ]


def _ms(micros: list[float]) -> Rounds:
    return Rounds([value / 1000 for value in micros])


def _slope(found: Mapping[tuple[int, str], list[float]], which: str) -> float:
    """Least squares over the sizes, in percent of the time with one command."""
    times = [Rounds(found[size, which]).middle for size in SIZES]
    mean_size, mean_time = sum(SIZES) / len(SIZES), sum(times) / len(times)
    above = sum((s - mean_size) * (t - mean_time) for s, t in zip(SIZES, times, strict=True))
    slope = above / sum((s - mean_size) ** 2 for s in SIZES)
    return max(0.0, slope / times[0] * 100)


def _routes(size: int) -> Routes:
    router = Router()
    for n in range(size):
        router.command(_name(n), usage="", help="", aliases=(f"command{n}",))(_answer)
    return compile_routes({"bench": router})


def _name(n: int) -> str:
    """A different two-character Chinese word for each."""
    return chr(0x4E00 + n) + "单"


async def _answer(ctx: Context, _text: str) -> None:
    ctx.redraw = False


def _text(routes: Routes, which: str) -> str:
    return f"{routes.commands[0 if which == 'first' else -1].name} 4123456789012345601"


def _find(routes: Routes, which: str, times: int) -> float:
    """Microseconds a text."""
    text = _text(routes, which)
    began = perf_counter()
    for _ in range(times):
        find_command(routes, text)
    return (perf_counter() - began) / times * 1e6


class _Directory:
    people = (_LIN,)

    def by_account(self, account: Account) -> Staff | None:
        return _LIN if account in _LIN.accounts else None

    def by_id(self, staff_id: str) -> Staff | None:
        return _LIN if staff_id == _LIN.id else None

    def with_roles(self, roles: frozenset[Role]) -> tuple[Staff, ...]:
        return (_LIN,) if _LIN.has(*roles) else ()


class _Unit:
    """A unit of work that nobody commits."""

    trace_id = "bench"


async def _whole(routes: Routes, times: int) -> float:
    """Microseconds a message, its context made anew as the dispatcher does."""
    scene = Scene(ManualClock(_NOW), Policies(), _Directory(), dict[str, ShopInfo]())
    unit = cast("UnitOfWork", _Unit())
    message = Message("1", _LIN.accounts[0], _NOW, text=_text(routes, "last"))
    began = perf_counter()
    for _ in range(times):
        await handle(Context(message, _LIN, unit, scene, routes))
    return (perf_counter() - began) / times * 1e6


async def _aiogram() -> Process:
    return await asyncio.create_subprocess_exec(
        PEERS, "bench/peers/aiogram_dispatch.py", stdin=PIPE, stdout=PIPE
    )


async def _ask(process: Process, line: str) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()
    return float(await process.stdout.readline())
