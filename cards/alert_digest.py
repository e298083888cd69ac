"""Many alerts on one card: count, sums, the most urgent rows, pages, 全部认领. Later ones join it in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from cards import alert_rows, sample_data
from cards.action import Action
from cards.alert import red_alert, sample_alert
from cards.model import Button, Card, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.alert import Alert, AlertState, Fold, can_see_alert, fold_subject
from domain.alert_rules import Level
from domain.alert_tell import BACK, HANDED, REMIND, UP
from domain.chat import SubjectRef
from domain.money import Money
from domain.ports import UnitOfWork

SUBJECT = "alerts"
WHY = {UP: "已升级给你", BACK: "静默结束", REMIND: "还没处理完", HANDED: "转派给你"}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """Only what this viewer may see. To be sent (`new`), something open and not silenced must be left of it."""
    fold = await uow.alerts.fold(subject.id)
    if fold is None:
        return None
    members = [alert for alert in await uow.alerts.members(fold.id) if can_see_alert(viewer.staff, alert)]
    now = scene.clock.now()
    if not members or (params.get("new") and not any(a.open and not a.snoozed(now) for a in members)):
        return None
    return view(scene, fold, members, viewer, params.get("page", ""))


def view(scene: Scene, fold: Fold, members: Sequence[Alert], viewer: Viewer, page: str = "") -> Card:
    standing = [alert for alert in members if alert.open]
    shown = alert_rows.page_of(standing, page)
    subject = fold_subject(fold.id)
    head = _headline(fold, members, standing)
    return Card(
        kind="alert.turned" if _turned(fold, standing) else "alert",
        subject=subject,
        title=head,
        summary=head,
        light=_light(standing),
        subtitle=WHY.get(fold.kind, f"共 {len(members)} 条，已解除 {len(members) - len(standing)}"),
        fields=alert_rows.sums(standing) if standing else (),
        lines=alert_rows.lines(scene, shown),
        buttons=_buttons(subject, standing, shown) if standing else (),
        final="" if standing else f"{len(members)} 条全部解除",
        footer=f"编号 {viewer.short_trace}",
    )


def _headline(fold: Fold, members: Sequence[Alert], standing: Sequence[Alert]) -> str:
    if not standing:
        return f"{len(members)} 条{fold.title}预警 已解除"
    red = sum(alert.level is Level.RED for alert in standing)
    if red:
        return f"{red} 条{fold.title} 已超时"
    return f"{len(standing)} 条{fold.title} 快超时"


def _light(standing: Sequence[Alert]) -> Light:
    if not standing:
        return Light.GREEN
    return Light.RED if any(alert.level is Level.RED for alert in standing) else Light.YELLOW


def _turned(fold: Fold, standing: Sequence[Alert]) -> bool:
    return fold.kind == Level.YELLOW and any(alert.level is Level.RED for alert in standing)


def _buttons(subject: SubjectRef, standing: Sequence[Alert], shown: alert_rows.Page) -> tuple[Button, ...]:
    free = any(not alert.owner for alert in standing)
    take = Button("全部认领", Action("alerts.take", subject).encode(), "预警", Style.PRIMARY)
    turn = alert_rows.turner(shown, subject, "预警")
    return (*((take,) if free else ()), *alert_rows.openers(shown), *turn)


def samples(scene: Scene) -> list[Sample]:
    """Yellow, red with pages, partly taken, and over."""
    fold = Fold("9f2c4e1b00c0ffee", "ship", "red", "warehouse", "待发货", sample_data.MOMENT, 500, 1)
    viewer = sample_data.SERVICE
    many = [_nth(red_alert(), n) for n in range(500)]
    some = [replace(alert, owner="林小满") if n % 3 == 0 else alert for n, alert in enumerate(many[:7])]
    yellow = [_nth(sample_alert(), n) for n in range(3)]
    over = [replace(alert, state=AlertState.RESOLVED, reason="订单已发货") for alert in many]
    return [
        Sample("alerts-yellow", view(scene, replace(fold, kind="yellow"), yellow, viewer)),
        Sample("alerts-red", view(scene, fold, many, viewer)),
        Sample("alerts-taken", view(scene, fold, some, viewer, "1")),
        Sample("alerts-over", view(scene, fold, over, viewer)),
    ]


def _nth(alert: Alert, n: int) -> Alert:
    return replace(
        alert,
        number=f"AL260105K7M{n:03d}",
        label=f"4123456789012{n:06d}",
        subject=SubjectRef("order", str(n + 1)),
        red_at=alert.red_at + timedelta(minutes=n // 10),
        amount=Money(12900 + 100 * n),
    )
