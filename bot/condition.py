"""The condition this desk is in, looked at every second: back-pressure and impaired parts, for /readyz, /metrics, the
state page, and the people who must know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from bot import places
from bot.busy_notice import BusyNotice
from bot.episodes import Episodes
from bot.impairment import Fault, Look
from bot.logs import log
from bot.patience import within
from bot.pressure import Pressure
from cards.scene import day_time
from storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from bot.compose import Desk

LOOK_SECONDS = 2.0
SAMPLE_SECONDS = 1.0  # the inbox, which decides whether callbacks come in, more often …
FULL_SECONDS = 0.2  # … and most often while none does
ANSWER_SECONDS = 3.0  # for one look
GONE_SECONDS = 3.0  # a database that takes longer for the smallest question is as good as gone
GIVE_UP_SECONDS = 10.0  # then it is asked anew: the connection may be a dead one
_SHARE = 10  # counting takes a tenth of the time at most: a deep inbox takes long to count …
_LONGEST_SECONDS = 5.0  # … but is counted after this all the same
TELL_SECONDS = 30.0  # a part must be impaired for so long before people are told
LINGER_SECONDS = 3.0  # a part that was impaired a moment ago is not called sound
_FIRST = ("database",)  # looked at in any case; the others only while the database answers
_SWEEP_ROUND = (
    10  # after so many rounds it is known what is not impaired any more since the last process died
)


@dataclass(frozen=True)
class Trouble:
    """A fault and since when; `told` once people know of it. `began` and `seen`: the first and the last look that saw
    it, by the machine's clock."""

    fault: Fault
    since: datetime
    began: float
    seen: float
    told: bool = False


class Condition:
    def __init__(self, desk: Desk) -> None:
        queue, admission = desk.settings.queue, desk.receiver.admission
        admission.limit = queue.inbox_limit
        self._desk = desk
        self.pressure = Pressure(desk.db, desk.clock, admission, queue.busy_seconds)
        self.troubles: Mapping[str, Trouble] = {}
        self._notice = BusyNotice(desk.db, desk.scene, desk.doors, self.pressure)
        self._episodes = Episodes(desk.db, desk.scene)
        self._looks: Mapping[str, Look] = {}
        self._found: dict[str, Sequence[Fault]] = {}  # by look
        self._rounds = 0
        self._over: dict[str, Trouble] = {}  # told, over, and the end not told yet
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: float | None = None  # since when the database owes an answer, by the machine's clock
        self._trouble = ""
        self.seconds = 0.0  # the database's last answer took
        registry = desk.metrics.registry
        self._busy = Gauge(
            "qianshao_busy", "1 while more comes in than is done and people wait", registry=registry
        )
        self._impaired = Gauge("qianshao_impaired", "1 while a part is impaired", ["part"], registry=registry)

    def start(self) -> None:
        self._looks = places.exported("bot.impaired", "LOOK")
        self._tasks = [
            asyncio.create_task(self._sampling(), name="pressure"),
            asyncio.create_task(self._looking(), name="condition"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    @property
    def faults(self) -> Sequence[Fault]:
        """What is impaired now, the oldest first; each with its `since`."""
        known = sorted(self.troubles.values(), key=lambda trouble: trouble.since)
        return [replace(trouble.fault, since=trouble.since) for trouble in known]

    @property
    def database_trouble(self) -> str:
        """Why the database is as good as gone; "" while it answers."""
        if self._asked is not None and monotonic() - self._asked > GONE_SECONDS:
            return f"no answer in {monotonic() - self._asked:.0f} s"
        return self._trouble

    async def _sampling(self) -> None:
        while True:
            await self._sample()
            pause = FULL_SECONDS if self.pressure.standing.full else SAMPLE_SECONDS
            counting = 0.0 if self._trouble else min(self.seconds * _SHARE, _LONGEST_SECONDS)
            await asyncio.sleep(max(pause, counting))

    async def _looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - whoever watches must not die of what is watched; logged
                log.exception("the desk's condition could not be looked at")

    async def round(self) -> None:
        """Sample and look at once, without waiting for the loops."""
        await self._sample()
        await self.look()

    async def _sample(self) -> None:
        """The inbox; and with it, whether the database answers and how fast."""
        self._asked = began = monotonic()
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                standing = await self.pressure.sample()
        except (StorageUnavailable, TimeoutError) as error:
            self._trouble = str(error) or "no answer in time"
        else:
            self._trouble = ""
            self._busy.set(standing.busy)
        self.seconds, self._asked = monotonic() - began, None

    async def look(self) -> None:
        """One look at everything, and what follows from it. Without a database most cannot be seen; what was seen last
        stays."""
        answers = not self.database_trouble
        await asyncio.gather(*(self._ask(name) for name in self._looks if answers or name in _FIRST))
        self._note([fault for name in self._looks for fault in self._found.get(name, ())])
        if answers and "worker" in self._desk.roles:
            self._rounds += 1
            await self._tell()

    async def _ask(self, name: str) -> None:
        try:
            self._found[name] = await within(ANSWER_SECONDS, self._looks[name](self._desk))
        except (StorageUnavailable, TimeoutError) as error:
            log.warning("a part could not be looked at", part=name, error=str(error))
        except Exception:  # noqa: BLE001 - one look's bug must not hide the other parts; logged
            log.exception("a part could not be looked at", part=name)

    def _note(self, found: Sequence[Fault]) -> None:
        now, at = self._desk.clock.now(), monotonic()
        before = self.troubles
        after = {part: old for part, old in before.items() if at - old.seen < LINGER_SECONDS}
        for fault in found:
            known = before.get(fault.part)
            if known is None:
                log.warning("impaired", part=fault.part, why=fault.why)
                after[fault.part] = Trouble(fault, fault.since or now, at, at)
            else:
                after[fault.part] = replace(known, fault=fault, since=fault.since or known.since, seen=at)
        for part, trouble in before.items():
            if part not in after:
                log.warning("as it should be again", part=part, since=trouble.since.isoformat())
                if trouble.told or self._worth_telling(trouble):
                    self._over[part] = trouble
        self.troubles = after
        for part in {*before, *after}:
            self._impaired.labels(part).set(part in after)

    async def _tell(self) -> None:
        """Supervisors and administrators once at the beginning and once at the end; whoever waits, meanwhile."""
        try:
            await self._notice.round(self.pressure.standing)
            if self._rounds == _SWEEP_ROUND:
                await self._episodes.sweep(self.troubles)
            for part, trouble in list(self._over.items()):
                await self._tell_end(part, trouble)
                del self._over[part]
            for part, trouble in list(self.troubles.items()):
                if self._worth_telling(trouble):
                    await self._tell_begin(part, trouble)
        except StorageUnavailable as error:
            log.warning("the desk's condition could not be told", error=str(error))

    def _worth_telling(self, trouble: Trouble) -> bool:
        """The inbox has its own patience (`queue.busy_seconds`)."""
        if trouble.told or not trouble.fault.tell:
            return False
        return trouble.fault.part.startswith("inbox") or trouble.seen - trouble.began >= TELL_SECONDS

    async def _tell_begin(self, part: str, trouble: Trouble) -> None:
        fault, now = trouble.fault, self._desk.clock.now()
        text = f"{fault.title}（{day_time(trouble.since, now)} 起）：{fault.why}\n{fault.works}"
        await self._episodes.began(part, text, trouble.since, self._closed_doors())
        self.troubles = {**self.troubles, part: replace(trouble, told=True)}

    async def _tell_end(self, part: str, trouble: Trouble) -> None:
        """What began while nothing could be told is told now, in one text with its end."""
        now = self._desk.clock.now()
        text = f"已恢复：{trouble.fault.title}（{day_time(trouble.since, now)}–{day_time(now, now)}）"
        if trouble.told:
            await self._episodes.ended(part, text, self._closed_doors())
        else:
            await self._episodes.both(part, text, trouble.since, self._closed_doors())

    def _closed_doors(self) -> set[tuple[str, str]]:
        return {t.fault.door for t in self.troubles.values() if t.fault.door is not None}
