"""为什么: the rule, the version of its settings and the facts behind an outcome (DESIGN.md §3.6)."""

from __future__ import annotations

from cards.action import Action
from cards.refund import RULE_NAMES, headline
from cards.scene import day_time
from cards.words import words
from domain.chat import Tap
from domain.refund import Refund
from handlers.alert import explain as explain_alert
from handlers.refund import visible_refund
from handlers.router import Context, Router

router = Router(place=60)


@router.command(
    "为什么",
    usage="为什么 RF编号/AL编号",
    help="看这笔退款或预警按什么规则来的",
    aliases=("原因", "weishenme", "why"),
)
async def why(ctx: Context, text: str) -> None:
    if text.strip().upper().startswith("AL"):
        await explain_alert(ctx, text)
        return
    if refund := await visible_refund(ctx, text):
        ctx.say(explain(ctx, refund))


@router.tap("refund.why")
async def why_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    if refund := await visible_refund(ctx, action.subject.id):
        ctx.say(explain(ctx, refund))


def explain(ctx: Context, refund: Refund) -> str:
    now = ctx.scene.clock.now()
    return words(
        "why",
        refund=refund,
        outcome=headline(refund)[0],
        rule_name=RULE_NAMES.get(refund.rule.rule, refund.rule.rule),
        times=[day_time(decision.at, now) for decision in refund.decisions],
    )
