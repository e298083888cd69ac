"""December's reminder: next year's make-up days are published in November and nobody has told us of them yet."""

from __future__ import annotations

from domain.clock import shanghai
from domain.outbox import SendText
from domain.sla import Counting
from domain.staff import Role
from domain.working_time import lacks_make_up_days
from jobs.registry import Counts, Job, JobContext, Late


async def run(ctx: JobContext) -> Counts:
    """Tells the administrators, once a week of December. Counts whom it told."""
    policy = ctx.scene.policies.sla
    today = shanghai(ctx.due).date()
    used = any(rule.calendar is Counting.WORKING for rule in policy.rules)
    if not used or not lacks_make_up_days(policy.calendar, today.year + 1):
        return {"提醒": 0}
    text = (
        f"{today.year + 1} 年的调休上班日还没有：请升级 holidays 依赖，或把国务院公布的日期写进 "
        "policies.sla.calendar.holidays 和 workdays，否则调休周末会按休息日计时"
    )
    uow = ctx.unit_of_work()
    told = ctx.scene.people_of(ctx.scene.directory.with_roles(frozenset({Role.ADMIN})))
    for to in told:
        uow.send(SendText(to, text), key=f"notice.calendar.{today.isoformat()}.{to.account}")
    await uow.commit()
    return {"提醒": len(told)}


JOB = Job("work_calendar", "调休日检查", run, cron="0 10 * 12 1", owner=Role.ADMIN, late=Late.ONCE)
