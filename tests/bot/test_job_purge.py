"""清理旧数据: by the ages of the settings, counted; the audit stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.job_settings import JobSettings
from bot.schedule_plans import plan_of
from domain.chat import Recipient
from domain.job import JobInfo, JobRun, RunState, slot_id
from domain.keep_policy import KeepPolicy
from domain.kept_file import kept
from domain.outbox import SendText
from jobs import purge
from storage.job_slots import JobSlots, Planting
from tests.bot.job_kit import scheduler, tick
from tests.bot.kit import Small, account, text_item
from tests.storage.factory import make_audit


async def test_what_is_old_goes_by_the_ages_of_the_settings(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = replace(desk.scene.policies, keep=KeepPolicy(3, 5, 7, 9))
    small = replace(desk, scene=replace(desk.scene, policies=policies))
    made = scheduler(small, monkeypatch, replace(purge.JOB, jitter=timedelta(0)))
    await made.prepare()
    await fill(small)
    left = []
    for days in range(10):
        desk.clock.advance(86400)
        await tick(made)
        if days in (0, 4, 6, 8, 9):
            left.append(
                [
                    (await desk.rows(f"SELECT count(*) FROM {table}"))[0][0]
                    for table in ("inbox", "outbox", "kept_files", "job_runs WHERE job = 'old'")
                ]
            )
    assert left[0] == [1, 1, 1, 2]
    assert left[1] == [0, 1, 1, 2]
    assert left[2] == [0, 0, 1, 2]
    assert left[3] == [0, 0, 0, 2]
    assert left[4] == [0, 0, 0, 1]
    assert (await desk.rows("SELECT count(*) FROM audit WHERE action NOT LIKE 'job.%'"))[0][0] == 1
    done = await desk.rows("SELECT counts FROM job_runs WHERE job = 'purge' ORDER BY due")
    assert '{"消息":1,"发送记录":0,"文件":0,"任务记录":0}' in {row[0] for row in done}


async def fill(desk: Small) -> None:
    """One of each, finished now."""
    now = desk.clock.now()
    await desk.receive(text_item("a", "x", "k"))
    (item,) = await desk.db.inbox.claim(1, 60)
    await desk.db.inbox.finish(item.id, "handled")
    uow = desk.db.unit_of_work("t")
    uow.send(SendText(Recipient(account()), "x"))
    uow.files.save(kept("a.csv", "text/csv", b"x", now))
    uow.audit(make_audit())
    await uow.commit()
    (out,) = await desk.db.outbox.claim(1, 60, ())
    await desk.db.outbox.done(out.id)
    slots = JobSlots(desk.db.engines)
    for minute in (-1, 0):
        due = now + timedelta(minutes=minute)
        run = JobRun(slot_id("old", due), "old", due, "t", due)
        await slots.plant(Planting(JobInfo("old", "旧", "x", "admin"), [(run, due)]))
        taken = await slots.claim("old", "w", now, timedelta(minutes=1))
        assert taken is not None
        uow.jobs.finish(replace(taken, state=RunState.DONE, finished_at=due), "w")
        await uow.commit()


def test_it_runs_at_night_and_belongs_to_the_administrators() -> None:
    plan = plan_of(purge.JOB, JobSettings())
    assert (plan.info(None).schedule, plan.owner) == ("每天 03:30", "admin")
