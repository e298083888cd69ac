"""日报: the three things that matter, then every figure with its change against last week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.chat import SubjectRef
from domain.digest import Bad, Digest, Figure, Series, scope_of
from domain.ports import UnitOfWork

SUBJECT = "digest"
MAX_FIELDS, MAX_BUTTONS = 6, 4
WEEKDAYS = "一二三四五六日"
SECTIONS = {
    "inflow": "新订单",
    "late": "预警",
    "exceptions": "异常",
    "refunds": "退款",
    "sync": "同步",
    "books": "对账",
}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """Only for people of the digest's own scope: another scope counts other orders."""
    digest = await uow.digests.get(subject.id)
    if digest is None or digest.scope != scope_of(viewer.staff).code:
        return None
    return view(scene, digest, viewer)


def view(scene: Scene, digest: Digest, viewer: Viewer) -> Card:
    top = digest.top(scene.policies.digest)
    worse = any(_is_worse(figure) for figure in top)
    return Card(
        kind="digest",
        subject=SubjectRef(SUBJECT, digest.id),
        title=f"日报 {digest.day:%m-%d} 周{WEEKDAYS[digest.day.weekday()]}",
        summary=headline(digest),
        light=Light.YELLOW if worse else Light.GREEN,
        subtitle="和上周同一天比",
        fields=tuple(Field(f.label[:5], _with_change(f)[:30]) for f in _rest(digest, top)[:MAX_FIELDS]),
        lines=tuple(f"{n}. {f.label} {_with_change(f)}" for n, f in enumerate(top, 1))
        or ("和上周同一天差不多，没有要特别看的",),
        buttons=tuple(_buttons(digest, top))[:MAX_BUTTONS],
        footer=f"编号 {viewer.short_trace}",
    )


def headline(digest: Digest) -> str:
    """One line: what a notification shows, and the whole digest when there is nothing to say."""
    if digest.empty:
        return f"{digest.day:%m-%d} 没有新订单，也没有要处理的事"
    inflow = next((figure for figure in digest.figures if figure.section == "inflow"), digest.figures[0])
    return f"{digest.day:%m-%d} {inflow.label} {_with_change(inflow)}"


def _rest(digest: Digest, top: tuple[Figure, ...]) -> list[Figure]:
    return [figure for figure in digest.figures if figure not in top and (figure.value or figure.before)]


def _with_change(figure: Figure) -> str:
    change = figure.change
    if change is None or figure.before is None:
        return figure.text
    if not figure.before:
        return f"{figure.text}（上周 0）"  # from nothing, no share says how much it grew
    arrow = "↑" if change > 0 else "↓" if change < 0 else "→"
    return f"{figure.text} {arrow}{abs(change):.0%}" if change else f"{figure.text} →"


def _is_worse(figure: Figure) -> bool:
    """Also what nobody counted a week ago, when any of it is bad."""
    change = figure.change if figure.change is not None else float(figure.value > 0)
    return (figure.bad is Bad.UP and change > 0) or (figure.bad is Bad.DOWN and change < 0)


def _buttons(digest: Digest, top: tuple[Figure, ...]) -> list[Button]:
    """One a section that has rows to open, those of the top figures first."""
    found: dict[str, Button] = {}
    for figure in (*top, *digest.figures):
        if not figure.opens or figure.section in found:
            continue
        action = Action("digest.open", SubjectRef(SUBJECT, digest.id), 0, (figure.opens,))
        style = Style.PRIMARY if figure in top else Style.NORMAL
        text = f"看{SECTIONS.get(figure.section, figure.label)}"
        found[figure.section] = Button(text[:10], action.encode(), figure.opens, style)
    return list(found.values())


def samples(scene: Scene) -> list[Sample]:
    viewer = sample_data.FINANCE
    day = date(2026, 1, 4)
    figures = (
        Figure("inflow", "新订单", 182, "182 单", 230, Bad.DOWN, 1.0, "日报明细 2026-01-04"),
        Figure("inflow", "成交额", 2_345_600, "¥23456.00", 2_400_000, Bad.DOWN),
        Figure("states", "待发货", 64, "64 单，平均 17 小时，最久 3.0 天", weight=1.5),
        Figure("states", "已发货", 210, "210 单，平均 2.1 天，最久 9.0 天", weight=0.5),
        Figure("refunds", "退款申请", 12, "12 笔", 7, Bad.UP, 1.2),
        Figure("refunds", "退款用时", 5400, "平均 90 分钟", 5400, Bad.UP, 0.8),
    )
    series = Series(((day - timedelta(days=1), 190), (day, 182)), (("待发货", 64),))
    busy = Digest("20260104-x", day, "x", figures, series, sample_data.MOMENT)
    calm = Digest("20260104-y", day, "y", figures[2:4], series, sample_data.MOMENT)
    return [
        Sample("digest-busy", view(scene, busy, viewer)),
        Sample("digest-calm", view(scene, calm, viewer)),
    ]
