"""额度: what the month has cost on each platform, and how long the rest lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from cards import sample_data
from cards.model import Card, Field, Light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.chat import SubjectRef
from domain.clock import shanghai
from domain.ports import UnitOfWork
from domain.usage import KINDS, SAVING_WORDS, Saving, Standing, since, standings

SUBJECT = "usage"
PLATFORM_NAMES = {"wecom": "企业微信", "dingtalk": "钉钉"}
_LIGHTS = {Saving.NONE: Light.GREEN, Saving.WARN: Light.YELLOW, Saving.MERGE: Light.YELLOW}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    today = shanghai(scene.clock.now()).date()
    days = await uow.usage.days(since(today))
    return view(subject, standings(days, scene.policies.messages, today), viewer)


def view(subject: SubjectRef, budgets: Sequence[Standing], viewer: Viewer) -> Card:
    worst = max((one.saving for one in budgets), default=Saving.NONE)
    return Card(
        kind="usage",
        subject=subject,
        title="本月额度",
        summary=f"本月额度：{SAVING_WORDS[worst]}",
        light=_LIGHTS.get(worst, Light.RED),
        subtitle=SAVING_WORDS[worst],
        fields=tuple(
            Field(f"{PLATFORM_NAMES.get(one.platform, one.platform)[:2]}{KINDS[one.kind][-2:]}", _amount(one))
            for one in budgets
        ),
        lines=tuple(_forecast(one) for one in budgets)
        or ("没有设额度：policies.messages.budgets 里可以写每月上限",),
        footer=f"编号 {viewer.short_trace}",
        final="每次发“额度”看最新",
    )


def _amount(one: Standing) -> str:
    return f"{one.used} / {one.limit}（{one.share:.0%}）"


def _forecast(one: Standing) -> str:
    name = f"{PLATFORM_NAMES.get(one.platform, one.platform)}{KINDS[one.kind]}"
    if one.runs_out is not None:
        return f"{name}：每天约 {one.per_day}，预计 {one.runs_out:%m-%d} 用完"
    return f"{name}：每天约 {one.per_day}，够用到月底"


def samples(_scene: Scene) -> list[Sample]:
    viewer = sample_data.SERVICE
    subject = SubjectRef(SUBJECT, "month")
    calm = (
        Standing("dingtalk", "calls", 1210, 5000, 92, None, Saving.NONE),
        Standing("dingtalk", "messages", 640, 3000, 51, None, Saving.NONE),
    )
    short = (
        Standing("dingtalk", "calls", 4100, 5000, 190, date(2026, 1, 10), Saving.MERGE),
        Standing("dingtalk", "messages", 2935, 3000, 140, date(2026, 1, 6), Saving.ONLY_RED),
    )
    return [
        Sample("usage-calm", view(subject, calm, viewer)),
        Sample("usage-short", view(subject, short, viewer)),
    ]
