"""Alerts about whole shops (backlog, inflow, sync) by the same machine as those about orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.alert import Alert, AlertState
from domain.alert_decide import new_number, resolved, told
from domain.alert_round import Round, finish, light, store
from domain.alert_rules import LEVEL_NAMES, Level
from domain.alert_tell import Surroundings
from domain.chat import SubjectRef
from domain.ports import UnitOfWork
from domain.staff import Role

LEFT_ALONE = timedelta(hours=12)  # after a person has closed one


@dataclass(frozen=True)
class Reading:
    """What a gauge says of a shop now: `level` None is fine. `start` is since when (its episode)."""

    rule: str
    title: str
    shop_code: str
    shop_name: str
    level: Level | None
    facts: dict[str, str]
    owner: Role
    start: datetime
    why_over: str = ""


async def gauge_read(uow: UnitOfWork, readings: Sequence[Reading], around: Surroundings) -> int:
    """Alerts of whole shops, by the same machine: raised, turned in place, ended; how many are open after it."""
    known = await uow.alerts.of_subjects("shop", list({reading.shop_code for reading in readings}))
    done, standing = Round(), 0
    for reading in readings:
        here = [a for a in known if a.rule == reading.rule and a.subject.id == reading.shop_code]
        opened = next((alert for alert in here if alert.open), None)
        standing += reading.level is not None
        if reading.level is None:
            if opened is not None:
                done.touched.append(store(uow, resolved(opened, reading.why_over, around.now), around))
        elif opened is None:
            _raise_gauge(uow, reading, here, around, done)
        elif opened.level is not reading.level:
            text = f"转{LEVEL_NAMES[reading.level]}"
            turned = around.now if reading.level is Level.RED else None
            changed = replace(opened, level=reading.level, turned_at=turned, facts=reading.facts)
            light(uow, told(changed, text, around.now), around, done)
    await finish(uow, done, around)
    return standing


def _raise_gauge(
    uow: UnitOfWork, reading: Reading, known: Sequence[Alert], around: Surroundings, done: Round
) -> None:
    now = around.now
    if reading.level is None or any(_left_alone(alert, now) for alert in known):
        return
    alert = Alert(
        number=new_number(now, reading.rule, reading.shop_code, reading.shop_name),
        subject=SubjectRef("shop", reading.shop_code),
        rule=reading.rule,
        title=reading.title,
        level=reading.level,
        start=reading.start,
        red_at=reading.start,
        raised_at=now,
        settings_version=around.policies.version,
        facts=reading.facts,
        trace_id=uow.trace_id,
        label=reading.shop_name,
        shop_code=reading.shop_code,
        chat=reading.owner.value,
        owner_role=reading.owner,
        turned_at=now if reading.level is Level.RED else None,
    )
    light(uow, told(alert, f"亮{LEVEL_NAMES[reading.level]}", now), around, done)


def _left_alone(alert: Alert, now: datetime) -> bool:
    if alert.state is not AlertState.CLOSED or alert.ended_at is None:
        return False
    return now < alert.ended_at + LEFT_ALONE
