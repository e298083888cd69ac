"""为什么: the rule, the version of its settings and the facts behind an outcome (DESIGN.md §3.6)."""

from __future__ import annotations

from cards.action import Action
from cards.refund import RULE_NAMES, headline
from cards.scene import day_time
from cards.words import words
from domain.chat import Tap
from domain.refund import Refund
from handlers.alert import explain as explain_alert
from handlers.exception import explain_number as explain_exception
from handlers.refund import visible_refund
from handlers.router import Context, Router

router = Router(place=60)
_OTHERS = {"AL": explain_alert, "EX": explain_exception}


@router.command(
    "为什么",
    usage="为什么 编号",
    help="看退款、预警、异常、差异是按什么规则来的",
    aliases=("原因", "weishenme", "why"),
)
async def why(ctx: Context, text: str) -> None:
    number = text.strip().upper()
    if not number:
        ctx.say("请带上编号，例如：为什么 AL编号。编号在卡片标题下面")
    elif number.startswith("DF"):
        ctx.say(f"看差异的原因，请发：差异 {number[:20]} 为什么")
    elif other := _OTHERS.get(number[:2]):
        await other(ctx, number)
    elif refund := await visible_refund(ctx, text):
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
