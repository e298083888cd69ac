"""One piece of the lights' work: alerts saved with their next look, people told, cards drawn again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from domain.alert import Alert, alert_subject
from domain.alert_decide import next_look, quiet_until
from domain.alert_rules import Level
from domain.alert_tell import LIT, PERSON, Surroundings, Telling, placed, tell, touch
from domain.audit import AuditEntry
from domain.ports import UnitOfWork
from domain.sla import SlaRule


@dataclass
class Round:
    """What one piece of work has come to: `telling` people, and alerts whose cards are drawn again."""

    telling: list[Telling] = field(default_factory=list)
    touched: list[Alert] = field(default_factory=list)


def rule_named(around: Surroundings, name: str) -> SlaRule | None:
    return next((rule for rule in around.policies.sla.rules if rule.name == name), None)


def store(uow: UnitOfWork, alert: Alert, around: Surroundings, *, audited: bool = True) -> Alert:
    """With its next look, and an audit row of what was told last."""
    rule = rule_named(around, alert.rule)
    kept = replace(alert, next_at=next_look(alert, rule, around.policies, around.now))
    uow.alerts.save(kept)
    if audited and kept.story and kept.story[-1].at == around.now:
        details: dict[str, object] = {
            "subject": f"{kept.subject.type}:{kept.subject.id}",
            "level": str(kept.level),
            "state": str(kept.state),
            "settings_version": kept.settings_version,
            "what": kept.story[-1].text,
        }
        actor, subject = f"rule:{kept.rule}", alert_subject(kept.number)
        action = "alert.changed" if kept.revision else "alert.raised"
        uow.audit(AuditEntry(around.now, actor, "lights", action, subject, uow.trace_id, details))
    return kept


def light(uow: UnitOfWork, alert: Alert, around: Surroundings, done: Round) -> None:
    """A new colour: told now unless quiet hours or a silence hold it; a card that stands turns in place."""
    held = alert.snoozed(around.now) or quiet_until(alert, around.policies, around.now) is not None
    if alert.shown:
        alert = alert if alert.snoozed(around.now) else replace(alert, shown=str(alert.level))
    elif not held:
        target = f"{PERSON}{alert.owner}" if alert.owner else alert.chat
        alert, target = placed(alert, target, around)
        alert = replace(alert, shown=str(alert.level))
        done.telling.append(Telling(alert, LIT[alert.level], target))
    done.touched.append(store(uow, alert, around))


async def finish(uow: UnitOfWork, done: Round, around: Surroundings) -> None:
    """Tell what is to be told, folded where more of the same are known to come; draw again what stands."""
    until = around.now + around.policies.sla.fold_window
    coming: dict[tuple[str, str], int] = {}
    for rule, kind in {(one.alert.rule, one.kind) for one in done.telling}:
        if kind in LIT.values():
            coming[rule, kind] = await uow.alerts.count_timers(rule, Level(kind), around.now, until)
        else:
            coming[rule, kind] = await uow.alerts.count_due(rule, around.now, until)
    await tell(uow, done.telling, around, coming)
    await touch(uow, [alert for alert in done.touched if alert.revision])
