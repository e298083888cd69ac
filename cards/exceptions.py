"""异常: the open exceptions of a kind, the worst first, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.exception import KIND_NAMES, OrderException, can_see_exception, exception_subject, queue_subject
from domain.ports import UnitOfWork

SUBJECT = "exceptions"
ROWS = 4  # a button each, and one to turn the page


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """`params["page"]` counts from 0. Rows outside the viewer's scope are left out."""
    kinds = tuple(KIND_NAMES) if subject.id == "all" else (subject.id,)
    concerned = [kind for kind in kinds if _concerns(scene, viewer, kind)]
    page = int(params.get("page", "0"))
    found, count = await uow.exceptions.page(concerned, limit=ROWS, offset=page * ROWS)
    if not found and page:
        page = 0
        found, count = await uow.exceptions.page(concerned, limit=ROWS)
    seen = [
        one for one in found if can_see_exception(viewer.staff, one, scene.policies.exceptions.raci(one.kind))
    ]
    return view(scene, subject, seen, count, page, viewer)


def _concerns(scene: Scene, viewer: Viewer, kind: str) -> bool:
    raci = scene.policies.exceptions.raci(kind)
    return viewer.staff.has(raci.responsible, raci.accountable, *raci.informed)


def view(
    scene: Scene, subject: SubjectRef, items: Sequence[OrderException], count: int, page: int, viewer: Viewer
) -> Card:
    name = "异常" if subject.id == "all" else f"异常：{KIND_NAMES[subject.id]}"
    pages = max(1, -(-count // ROWS))
    turn = Action("exceptions.page", subject, 0, (str((page + 1) % pages),)).encode()
    more = [Button("下一页", turn, f"异常 {KIND_NAMES.get(subject.id, '')}".strip())] if pages > 1 else []
    return Card(
        kind="exceptions",
        subject=subject,
        title=f"{name} {count} 条",
        summary=f"{name} {count} 条未处理",
        light=Light.RED if any(item.red for item in items) else Light.YELLOW if count else Light.GREEN,
        subtitle=f"第 {page + 1}/{pages} 页" if count else "",
        lines=tuple(_line(scene, n, item) for n, item in enumerate(items, 1)) or ("没有要处理的异常",),
        buttons=(*(_open(n, item) for n, item in enumerate(items, 1)), *more),
        final="" if count else "都处理完了",
        footer=f"编号 {viewer.short_trace}",
    )


def _line(scene: Scene, number: int, item: OrderException) -> str:
    light = (Light.RED if item.red else Light.YELLOW).value
    facts = "，".join(f"{label} {value}" for label, value in item.facts.items())
    owner = item.owner_name or "未认领"
    when = day_time(item.raised_at, scene.clock.now())
    return f"{number}. {light} {KIND_NAMES[item.kind]} {item.label[-8:]} {facts[:24]}（{owner}，{when}）"


def _open(number: int, item: OrderException) -> Button:
    action = Action("exception.open", exception_subject(item.number)).encode()
    return Button(f"{number}. 打开", action, f"异常 {item.number}")


def samples(scene: Scene) -> list[Sample]:
    viewer = sample_data.SERVICE
    item = OrderException(
        number="EX2601056K2M8P",
        kind="address",
        subject=SubjectRef("order", "1"),
        red=True,
        facts={"电话": "格式不对"},
        rule="exceptions.address",
        settings_version="5f0c1a2b",
        raised_at=sample_data.MOMENT,
        trace_id=sample_data.TRACE,
        label="4123456789012345601",
        revision=1,
    )
    other = replace(item, number="EX2601057Q4N9R", kind="stuck", red=False, facts={"状态": "挂起"})
    return [
        Sample("exceptions-page", view(scene, queue_subject(""), [item, other], 9, 0, viewer)),
        Sample("exceptions-none", view(scene, queue_subject("address"), [], 0, 0, viewer)),
    ]
