"""The processes of the fleet, each started again when it dies, as systemd or a container engine would."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent.parent
READY = "前哨已启动"
_START_SECONDS = 90.0


@dataclass(eq=False)
class Member:
    """One process: `role` and what it is started with. `started` counts its lives."""

    name: str
    role: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    started: int = 0
    process: asyncio.subprocess.Process | None = None
    stopped: bool = False  # by SIGSTOP
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.returncode is None else 0

    def send(self, number: int) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Fleet:
    """`start` members, `kill` and `pause` them; `stop` ends them as an operator would."""

    def __init__(self, members: list[Member], pauses: Random) -> None:
        self.members = members
        self._pauses = pauses
        self._keepers: list[asyncio.Task[None]] = []
        self._resuming: set[asyncio.Task[None]] = set()
        self._ending = False
        self.hung: list[str] = []  # what did not end on SIGTERM

    async def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep(member)) for member in self.members]
        async with asyncio.timeout(_START_SECONDS):
            for member in self.members:
                await member.ready.wait()

    def of(self, role: str) -> list[Member]:
        return [member for member in self.members if member.role == role]

    def kill(self, member: Member) -> None:
        member.send(signal.SIGKILL)

    def pause(self, member: Member, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds: a machine that swaps, a container that is frozen."""
        member.send(signal.SIGSTOP)
        task = asyncio.create_task(self._resume(member, member.pid, seconds))
        self._resuming.add(task)
        task.add_done_callback(self._resuming.discard)

    async def _resume(self, member: Member, pid: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if pid and member.pid == pid:
            member.send(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM, and what does not end within a while is killed."""
        self._ending = True
        await asyncio.gather(*self._resuming, return_exceptions=True)
        for member in self.members:
            member.send(signal.SIGCONT)
            member.send(signal.SIGTERM)
        await asyncio.wait(self._keepers, timeout=45.0)
        self.hung = [member.name for member in self.members if member.pid]
        for member in self.members:
            member.send(signal.SIGKILL)
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, member: Member) -> None:
        while not self._ending:
            await self._live(member)
            if not self._ending:
                await asyncio.sleep(self._pauses.uniform(0.1, 0.8))

    async def _live(self, member: Member) -> None:
        with member.log.open("ab") as log:
            member.process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", *member.arguments,
                cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log, env={**os.environ, **member.environ},
            )  # fmt: skip
        member.started += 1
        assert process.stdout is not None
        async for line in process.stdout:
            if READY in line.decode(errors="replace"):
                member.ready.set()
        await process.wait()
