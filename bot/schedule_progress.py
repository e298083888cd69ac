"""How far a run is: stored about once a second, its cards redrawn less often, for each redrawing is a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.logs import log
from domain.job import JobRun, run_subject, trouble_subject
from domain.ports import Conflict
from storage.database import Database
from storage.errors import StorageUnavailable

STORE_SECONDS = 1.0
SHOW_SECONDS = 10.0  # cards are redrawn this often, and whenever another tenth is done
_TENTH = 0.1

Watch = Callable[[int, int, str], None]


@dataclass
class Reporter:
    """`jobs.registry.Progress` for one run. `watch` hears every step (the bar of the command line)."""

    db: Database
    run: JobRun
    worker: str
    trouble_id: str = ""  # whose card shows this run as well
    watch: Watch | None = None
    _stored: float = -STORE_SECONDS
    _shown: float = -SHOW_SECONDS
    _share: float = 0.0

    async def __call__(self, done: int, total: int, note: str = "") -> None:
        self.run = replace(self.run, done=done, total=total, note=note)
        if self.watch is not None:
            self.watch(done, total, note)
        now = asyncio.get_running_loop().time()
        if now - self._stored < STORE_SECONDS:
            return
        self._stored = now
        try:
            await self._store(now)
        except Conflict as error:  # taken over: the next beat ends this run
            log.warning("progress of a run that is not ours", run=self.run.id, error=str(error))
        except StorageUnavailable as error:  # the work goes on; the next second tells more
            log.warning("progress could not be stored", run=self.run.id, error=str(error))

    async def _store(self, now: float) -> None:
        uow = self.db.unit_of_work(self.run.trace_id)
        uow.jobs.progress(self.run, self.worker)
        share = self.run.done / self.run.total if self.run.total > 0 else 0.0
        if self.run.asked_by and (now - self._shown >= SHOW_SECONDS or share - self._share >= _TENTH):
            self._shown, self._share = now, share
            uow.touch(run_subject(self.run.id))
            if self.trouble_id:
                uow.touch(trouble_subject(self.trouble_id))
        await uow.commit()
