"""预警: the open alerts a person may see, page by page, the most urgent first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cards import alert_rows, sample_data
from cards.alert import red_alert, sample_alert
from cards.model import Card, Light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.alert import Alert, AlertFilter, Feeding, can_see_alert
from domain.alert_rules import LEVEL_NAMES, Level
from domain.chat import SubjectRef
from domain.ports import UnitOfWork

SUBJECT = "alert_list"


def list_subject() -> SubjectRef:
    """The same for everybody: what is shown depends on the viewer and the card's own params."""
    return SubjectRef(SUBJECT, "open")


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """`params`: level, shop, page."""
    wanted = AlertFilter(params.get("level", ""), params.get("shop", ""))
    found = await uow.alerts.find_open(wanted)
    seen = [alert for alert in found.alerts if can_see_alert(viewer.staff, alert)]
    feeding = await uow.alerts.feeding()
    return view(scene, subject, seen, params, viewer, more=found.more, feeding=feeding)


def view(
    scene: Scene,
    subject: SubjectRef,
    alerts: Sequence[Alert],
    params: Mapping[str, str],
    viewer: Viewer,
    *,
    more: bool = False,
    feeding: Feeding | None = None,
) -> Card:
    page = alert_rows.page_of(alerts, params.get("page", ""))
    head = f"{len(alerts)}{'+' if more else ''} 条预警" if alerts else "没有亮着的灯"
    lines = list(alert_rows.lines(scene, page))
    if feeding is not None and not feeding.done:
        lines.append(f"规则刚改过，正在重新计算：已看 {feeding.fed:,} 张订单")
    return Card(
        kind="alert",
        subject=subject,
        title=head,
        summary=head,
        light=_light(alerts),
        subtitle=_filter_words(scene, params),
        fields=alert_rows.sums(alerts) if alerts else (),
        lines=tuple(lines),
        buttons=(*alert_rows.openers(page), *alert_rows.turner(page, subject, "预警")),
        footer=f"编号 {viewer.short_trace}",
    )


def _light(alerts: Sequence[Alert]) -> Light:
    if not alerts:
        return Light.GREEN
    return Light.RED if any(alert.level is Level.RED for alert in alerts) else Light.YELLOW


def _filter_words(scene: Scene, params: Mapping[str, str]) -> str:
    parts = [LEVEL_NAMES[Level(params["level"])]] if params.get("level") else []
    if params.get("shop"):
        parts.append(scene.shop_name(params["shop"]))
    return " · ".join(parts) or "你能看到的全部"


def samples(scene: Scene) -> list[Sample]:
    viewer = sample_data.SERVICE
    mixed = [
        replace(red_alert() if n < 2 else sample_alert(), number=f"AL260105K7M{n:03d}") for n in range(6)
    ]
    return [
        Sample("alert-list", view(scene, list_subject(), mixed, {"page": "0"}, viewer)),
        Sample("alert-list-none", view(scene, list_subject(), [], {}, viewer, feeding=Feeding())),
    ]
