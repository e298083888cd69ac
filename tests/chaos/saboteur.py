"""What goes wrong: drawn by the seed, struck one after the other while people work."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import aiohttp

from bench.sandbox_api import SandboxApi
from tests.chaos.fleet import Fleet
from tests.chaos.servers import Servers
from tests.wire import Wire

LONGEST_PAUSE = 14.0  # seconds: longer than what makes the others take over (storage/processes.py)
CLOSEST = 0.3  # seconds between two faults
# (name, weight): processes die often, servers now and then, far sides all the time.
WEIGHTS: Sequence[tuple[str, int]] = (
    ("kill web", 14),
    ("kill worker", 14),
    ("kill scheduler", 6),
    ("pause web", 4),
    ("pause worker", 6),
    ("pause scheduler", 2),
    ("kill cache", 6),
    ("kill queue", 5),
    ("kill database", 4),
    ("cut database", 5),
    ("slow database", 5),
    ("cut far side", 5),
    ("slow far side", 4),
    ("copies", 8),
    ("far fault", 12),
)
# What the simulated far sides do wrong: `count` times each.
FAR_FAULTS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("wecom", "5xx", {}),
    ("wecom", "429", {}),
    ("wecom", "busy", {}),
    ("wecom", "lost_answer", {}),
    ("wecom", "slow", {"seconds": "2"}),
    ("wecom", "token_revoked", {}),
    ("dingtalk", "5xx", {}),
    ("dingtalk", "429", {}),
    ("dingtalk", "lost_answer", {}),
    ("dingtalk", "disconnect", {}),
    ("dingtalk", "torn", {}),
    ("dingtalk", "lost_ack", {}),
    ("taobao", "5xx", {"status": "502"}),
    ("taobao", "429", {"seconds": "1"}),
    ("taobao", "lost_answer", {}),
    ("taobao", "lost_answer", {}),
    ("taobao", "truncated", {}),
    ("taobao", "reset", {}),
    ("taobao", "slow", {"seconds": "12"}),
)
COPIES: Sequence[tuple[str, str]] = (
    ("wecom", "duplicate"),
    ("wecom", "late"),
    ("wecom", "reorder"),
    ("dingtalk", "duplicate"),
    ("dingtalk", "late"),
    ("dingtalk", "reorder"),
)


@dataclass
class Saboteur:
    """`wires` to the database and to the far sides: one web process and one worker go through them."""

    fleet: Fleet
    servers: Servers
    api: SandboxApi
    database: Wire
    far: Wire
    rng: Random
    struck: Counter[str]
    journal: Path  # of what was struck when, for whoever looks into what went wrong

    async def strike(self, total: int, share: Callable[[], float]) -> None:
        """`total` faults, spread over the people's work; `share`: how much of it is done, from 0 to 1."""
        for n in range(total):
            due = (n + self.rng.random()) / total
            await asyncio.sleep(CLOSEST)
            while share() < due:
                await asyncio.sleep(CLOSEST / 10)
            await self._one()
        await self.heal()

    async def heal(self) -> None:
        """Everything stands again, so that what remains can be finished."""
        self.database.heal()
        self.far.heal()
        for system in ("wecom", "dingtalk", "taobao"):
            with suppress(aiohttp.ClientError, RuntimeError):
                await self.api.clear_faults(system)

    async def _one(self) -> None:
        names, weights = zip(*WEIGHTS, strict=True)
        name = self.rng.choices(names, weights)[0]
        verb, _, what = name.partition(" ")
        self.struck[name] += 1
        self._note(name)
        acts: dict[str, Callable[[str], Awaitable[None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "cut": self._cut,
            "slow": self._slow,
            "copies": self._copies,
            "far": self._far_fault,
        }
        await acts[verb](what)

    def _note(self, what: str) -> None:
        with self.journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {what}\n")

    async def _kill(self, what: str) -> None:
        members = self.fleet.of(what)
        if members:
            self.fleet.kill(self.rng.choice(members))
        else:
            struck = self.servers.kill(what, self.rng.uniform(0.1, 1.5))
            self.struck[f"kill {what}"] += 0 if struck else -1

    async def _pause(self, what: str) -> None:
        self.fleet.pause(self.rng.choice(self.fleet.of(what)), self.rng.uniform(0.2, LONGEST_PAUSE))

    async def _cut(self, what: str) -> None:
        wire = self.database if what == "database" else self.far
        if self.rng.random() < 0.5:
            wire.cut()
            return
        wire.down()
        await asyncio.sleep(self.rng.uniform(0.1, 2.0))
        wire.heal()

    async def _slow(self, what: str) -> None:
        wire = self.database if what == "database" else self.far
        wire.delay(self.rng.uniform(0.02, 0.3))
        await asyncio.sleep(self.rng.uniform(0.5, 3.0))
        wire.heal()

    async def _copies(self, _what: str) -> None:
        system, kind = self.rng.choice(COPIES)
        await self._plant(system, kind, {})

    async def _far_fault(self, _what: str) -> None:
        system, kind, args = self.rng.choice(FAR_FAULTS)
        await self._plant(system, kind, args)

    async def _plant(self, system: str, kind: str, args: dict[str, str]) -> None:
        self.struck[f"{system} {kind}"] += 1
        self._note(f"{system} {kind}")
        with suppress(aiohttp.ClientError, RuntimeError, TimeoutError):
            count = self.rng.randint(1, 3)
            await self.api.post("/faults", system=system, kind=kind, count=count, args=args)
