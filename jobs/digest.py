"""日报: counts yesterday once for each scope and sends it to whoever wants it."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import date, datetime, timedelta
from functools import cache
from types import ModuleType

import jobs
from domain.chat import Recipient, SubjectRef
from domain.clock import shanghai
from domain.digest import Digest, Figure, Scope, Series, digest_id, scope_of, subscribers
from domain.outbox import Effect, Priority
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.digest_section import DigestSection
from jobs.registry import Counts, Job, JobContext, Late


@cache
def sections() -> tuple[DigestSection, ...]:
    """Every module of `jobs/` that names DIGEST, in the order of the card."""
    modules: list[ModuleType] = [
        importlib.import_module(f"jobs.{info.name}") for info in pkgutil.iter_modules(jobs.__path__)
    ]
    found = [module.DIGEST for module in modules if hasattr(module, "DIGEST")]
    return tuple(sorted(found, key=lambda section: section.order))


async def run(ctx: JobContext) -> Counts:
    """For the day before the slot, or `日期`."""
    day = asked_day(ctx.args.get("date", ""), ctx.due)
    uow = ctx.unit_of_work()
    people = subscribers(
        ctx.scene.directory.with_roles(frozenset(Role)),
        await uow.digests.subscriptions(),
        ctx.scene.policies.digest,
    )
    made: dict[str, Digest] = {}
    for person in people:
        scope = scope_of(person)
        if scope.code not in made:
            made[scope.code] = await count(ctx, uow, scope, day)
            uow.digests.save(made[scope.code])
        for to in ctx.scene.people_of([person]):
            send(uow, made[scope.code].id, to, key=f"digest.{day}.{to.account}")
    await uow.commit()
    return {"收件人": len(people), "份数": len(made)}


def asked_day(text: str, due: datetime) -> date:
    """The day asked for, else the one before; ValueError for a text that is no date."""
    return date.fromisoformat(text) if text else shanghai(due).date() - timedelta(days=1)


def send(uow: UnitOfWork, digest: str, to: Recipient, *, key: str, asked: bool = False) -> None:
    """The picture has to be drawn first: the effect does that and then sends both (bot/effects/digest.py)."""
    args = {**to.to_args(), **({"asked": "yes"} if asked else {})}
    priority = Priority.ANSWER if asked else Priority.DIGEST
    uow.send(Effect("digest.send", SubjectRef("digest", digest), args), key=key, priority=priority)


async def count(ctx: JobContext, uow: UnitOfWork, scope: Scope, day: date) -> Digest:
    """All figures of a day that people of this scope may see."""
    figures: list[Figure] = []
    for section in sections():
        if not section.roles.isdisjoint(scope.roles):
            figures.extend(await section.collect(ctx, uow, scope, day))
    span = [day - timedelta(days=n) for n in reversed(range(ctx.scene.policies.digest.chart_days))]
    inflow = await uow.digests.inflow(scope, span)
    states = tuple((f.label, int(f.value)) for f in figures if f.section == "states")
    series = Series(tuple((one, inflow[one][0]) for one in span), states)
    return Digest(digest_id(day, scope), day, scope.code, tuple(figures), series, ctx.clock.now())


JOB = Job(
    name="digest",
    title="日报",
    run=run,
    cron="37 8 * * *",  # not on the full or half hour, when everybody sends (wecom.md §1.4)
    owner=Role.SUPERVISOR,
    limit=timedelta(minutes=10),
    late=Late.ONCE,
)
