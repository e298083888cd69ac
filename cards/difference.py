"""One difference: what each side says, who has it, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.books import Category, Difference, DifferenceState, Note, difference_subject
from domain.books_decide import may_decide, may_see
from domain.books_words import CATEGORY_NAMES, KIND_NAMES, SIDE_NAMES, STATE_NAMES, rule_name
from domain.chat import SubjectRef
from domain.money import Money
from domain.ports import UnitOfWork
from domain.reconcile_policy import ReconcilePolicy

SUBJECT = "difference"
NOTES = 2
LIGHTS = {
    DifferenceState.OPEN: Light.RED,
    DifferenceState.TAKEN: Light.YELLOW,
    DifferenceState.ASKED: Light.YELLOW,
    DifferenceState.WRITTEN_OFF: Light.GREY,
    DifferenceState.CLOSED: Light.GREEN,
}
VERBS = {"ask": "申请核销", "close": "关闭", "reject": "驳回"}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    difference = await uow.books.difference(subject.id)
    if difference is None or not may_see(viewer.staff, scene.policies.reconcile):
        return None
    return view(scene, difference, viewer, params.get("step", ""))


def view(scene: Scene, difference: Difference, viewer: Viewer, step: str = "") -> Card:
    """`step`: the reason this one card is asking for: "" | ask | close | reject."""
    name, state = CATEGORY_NAMES[difference.category], STATE_NAMES[difference.state]
    policy = scene.policies.reconcile
    return Card(
        kind="difference",
        subject=difference_subject(difference.number),
        title=f"{name} {Money(difference.stake)} {state}",
        summary=f"{difference.number} {name} {Money(difference.stake)} {state}",
        light=LIGHTS[difference.state],
        subtitle=f"{difference.day} · {difference.number}",
        fields=_fields(scene, difference),
        lines=_lines(scene, difference, step),
        buttons=_buttons(difference, policy, viewer, step),
        menu=_menu(difference),
        final="" if difference.open else f"{state}：{difference.outcome}"[:60],
        footer=f"编号 {viewer.short_trace}",
    )


def _fields(scene: Scene, difference: Difference) -> tuple[Field, ...]:
    what = KIND_NAMES.get(difference.kind, difference.kind)
    fields = [
        Field("两边", f"应收 {Money(difference.ours)} 实收 {Money(difference.theirs)}"),
        Field("情况", rule_name(difference.rule)[:30]),
    ]
    if difference.order_no:
        shop = scene.shop_name(difference.shop_code)[:6] if difference.shop_code else ""
        fields.append(Field("订单", f"{shop} {difference.order_no}".strip()[:30]))
    if difference.provider_no:
        fields.append(Field("流水", difference.provider_no[:30]))
    place = f"{difference.account} · " if difference.account else ""
    fields.append(Field("账户", f"{place}{what} · {SIDE_NAMES[difference.side]}"[:30]))
    fields.append(Field("负责人", difference.owner_name or "还没有人认领"))
    return tuple(fields)


def _lines(scene: Scene, difference: Difference, step: str) -> tuple[str, ...]:
    if step:
        return (f"请选{VERBS[step]}原因；其他原因请发：", f"{_typed(step)} {difference.number} 原因")
    lines = []
    if difference.state is DifferenceState.ASKED:
        lines.append(f"{difference.asked_name}申请核销：{difference.reason[:40]}")
    now = scene.clock.now()
    lines += [f"{day_time(note.at, now)} {note.by} {note.text[:30]}" for note in difference.notes[-NOTES:]]
    if explained := difference.facts.get("说明"):
        lines.append(explained[:40])
    return tuple(lines)


def _typed(step: str) -> str:
    return {"ask": "核销", "close": "关闭差异", "reject": "驳回核销"}[step]


def _buttons(
    difference: Difference, policy: ReconcilePolicy, viewer: Viewer, step: str
) -> tuple[Button, ...]:
    if not difference.open:
        return ()
    asked = difference.state is DifferenceState.ASKED
    if step:
        return _reasons(difference, policy, step)
    if asked:
        if not may_decide(viewer.staff, difference, policy):
            return (_button("备注", "difference.note", difference, _words("差异备注", difference)),)
        return (
            _button("批准", "difference.approve", difference, _words("批准核销", difference), Style.PRIMARY),
            _button("驳回", "difference.reject", difference, _words("驳回核销", difference), Style.DANGER),
        )
    take = (
        ()
        if difference.owner == viewer.staff.id
        else (_button("认领", "difference.take", difference, _words("认领差异", difference), Style.PRIMARY),)
    )
    return (
        *take,
        _button("备注", "difference.note", difference, _words("差异备注", difference)),
        _button("申请核销", "difference.ask", difference, _words("核销", difference)),
        _button("关闭", "difference.close", difference, _words("关闭差异", difference), Style.DANGER),
    )


def _reasons(difference: Difference, policy: ReconcilePolicy, step: str) -> tuple[Button, ...]:
    reasons = reasons_of(policy, step)[:4]
    return (
        *(
            _button(
                text,
                f"difference.{step}",
                difference,
                f"{_words(_typed(step), difference)} {text}",
                Style.NORMAL,
                str(n),
            )
            for n, text in enumerate(reasons)
        ),
        _button("返回", "difference.back", difference, _words("差异", difference)),
    )


def reasons_of(policy: ReconcilePolicy, step: str) -> tuple[str, ...]:
    """What can be chosen instead of typed."""
    if step == "ask":
        return policy.write_off_reasons
    return ("凭证不足", "请先联系平台", "金额待核实") if step == "reject" else policy.close_reasons


def _menu(difference: Difference) -> tuple[Button, ...]:
    why = _button("为什么", "difference.why", difference, f"差异 {difference.number} 为什么")
    if not difference.order_no:
        return (why,)
    order = _button("看订单", "difference.order", difference, f"查单 {difference.order_no}")
    return (why, order)


def _words(command: str, difference: Difference) -> str:
    return f"{command} {difference.number}"


def _button(
    text: str, verb: str, difference: Difference, command: str, style: Style = Style.NORMAL, *args: str
) -> Button:
    action = Action(verb, difference_subject(difference.number), difference.revision, args)
    return Button(text, action.encode(), command, style)


def sample_difference() -> Difference:
    """Paid here, not in the bill."""
    return Difference(
        number="DF260104K7M2QX",
        day=date(2026, 1, 4),
        key="o|payment|tmall-flagship|4123456789012345601||1",
        category=Category.MISSING,
        rule="not_in_bill",
        kind="payment",
        side="ours",
        account="alipay-main",
        shop_code=sample_data.SHOP,
        order_no="4123456789012345601",
        refund_no="",
        provider_no="",
        ours=12900,
        theirs=0,
        stake=12900,
        at=sample_data.MOMENT - timedelta(hours=20),
        facts={"应收": "¥129.00（1 行）", "实收": "¥0.00（0 行）"},
        settings_version="a1b2c3d4",
        created_at=sample_data.MOMENT,
        revision=1,
    )


def samples(scene: Scene) -> list[Sample]:
    """Every state and step."""
    fresh, finance = sample_difference(), sample_data.FINANCE
    moment = sample_data.MOMENT
    taken = replace(
        fresh,
        state=DifferenceState.TAKEN,
        owner="钱进",
        owner_name="钱进",
        notes=(Note(moment, "钱进", "认领"), Note(moment, "钱进", "已问支付宝客服，等回复")),
    )
    asked = replace(taken, state=DifferenceState.ASKED, asked_by="孙账", asked_name="孙账", reason="平台确认")
    off = replace(
        asked,
        state=DifferenceState.WRITTEN_OFF,
        outcome="平台确认（孙账申请，钱进批准）",
        closed_at=moment,
    )
    closed = replace(fresh, state=DifferenceState.CLOSED, outcome="2026-01-05 的账对上了", closed_at=moment)
    return [
        Sample("difference-open", view(scene, fresh, finance)),
        Sample("difference-taken", view(scene, taken, finance)),
        Sample("difference-reason", view(scene, taken, finance, "ask")),
        Sample("difference-to-approve", view(scene, asked, finance)),
        Sample("difference-own-request", view(scene, replace(asked, asked_by="钱进"), finance)),
        Sample("difference-written-off", view(scene, off, finance)),
        Sample("difference-closed", view(scene, closed, finance)),
    ]
