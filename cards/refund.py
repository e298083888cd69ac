"""The refund card: for approvers to decide on, for requesters to follow."""

from __future__ import annotations

from collections.abc import Mapping

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.order import MoneyState, Order, RefundProcess
from domain.permission import can_decide_refund, can_see_refund
from domain.policy import RefundPolicy
from domain.ports import UnitOfWork
from domain.refund import Refund
from domain.refund_request import order_subject, refund_subject

SUBJECT = "refund"
RULE_NAMES = {"refund.auto": "小额免审", "refund.manual": "人工审批"}


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such refund, or not for this viewer."""
    refund = await uow.refunds.get(subject.id)
    order = await uow.orders.get(refund.order_id) if refund else None
    if refund is None or order is None or not can_see_refund(viewer.staff, refund, order):
        return None
    return view(scene, refund, order, viewer, step=params.get("step", ""))


def view(scene: Scene, refund: Refund, order: Order, viewer: Viewer, step: str = "") -> Card:
    """`step` is what this one card is asking: "" | confirm | reason."""
    policy = scene.policies.refund
    decides = refund.process is RefundProcess.APPLIED and can_decide_refund(
        viewer.staff, refund, order, policy
    )
    word, light = headline(refund)
    return Card(
        kind="refund",
        page=f"orders/{refund.order_id}",
        subject=refund_subject(refund.number),
        title=f"退款 {refund.amount} {word}",
        summary=f"{refund.number} 订单 {order.key.platform_order_id} 退款 {refund.amount} {word}",
        light=light,
        subtitle=f"{scene.shop_name(refund.order_key.shop_code)} · {refund.number}",
        fields=_fields(refund, order),
        lines=_lines(scene, refund, step if decides else ""),
        buttons=_buttons(refund, policy, decides, step),
        menu=_menu(refund),
        final=final_word(refund),
        footer=f"编号 {viewer.short_trace}",
    )


def headline(refund: Refund) -> tuple[str, Light]:
    """The state in words, and its lamp."""
    if refund.money is MoneyState.SUCCESS:
        return "已退款", Light.GREEN
    if refund.money is MoneyState.FAILED:
        return "退款失败", Light.RED
    if refund.process is RefundProcess.REFUSED:
        return "已驳回", Light.GREY
    if refund.process is RefundProcess.APPLIED:
        return "待审批", Light.YELLOW
    if refund.money is MoneyState.UNKNOWN:
        return "核实中", Light.YELLOW
    waiting = {
        "buyer": "等买家申请",
        "code": "等短信确认",
        "shop": "等待店铺恢复",
        "auth": "等店铺重新授权",
    }
    return waiting.get(refund.waiting, "退款中"), Light.YELLOW


def final_word(refund: Refund) -> str:
    """What stands in place of the buttons once nothing more will happen; "" while it may."""
    if refund.open:
        return ""
    who = refund.decisions[-1].actor_name if refund.decisions else ""
    return f"{headline(refund)[0]} · {who}" if who else headline(refund)[0]


def _fields(refund: Refund, order: Order) -> tuple[Field, ...]:
    goods = order.items[0].title[:24] if order.items else "—"
    fields = [
        Field("订单", refund.order_key.platform_order_id),
        Field("商品", goods),
        Field("实付", str(order.paid)),
        Field("原因", refund.reason),
        Field("申请人", refund.requester_name),
        Field("规则", RULE_NAMES.get(refund.rule.rule, refund.rule.rule)),
    ]
    return tuple(fields)


def _lines(scene: Scene, refund: Refund, step: str) -> tuple[str, ...]:
    now = scene.clock.now()
    if step == "confirm":
        return (f"金额超过 {scene.policies.refund.confirm_above}，请再确认一次：退 {refund.amount}。",)
    if step == "reason":
        return ("请选驳回原因；其他原因请发：", f"驳回 {refund.number} 原因")
    lines = [
        f"{day_time(d.at, now)} {d.actor_name}{'同意' if d.verdict == 'approve' else '驳回'}"
        + (f"：{d.reason}" if d.reason else "")
        for d in refund.decisions
    ]
    hints = {
        "buyer": "请让买家在店铺提交同额退款申请，提交后自动同意。",
        "code": "请到店铺后台输入短信验证码确认。",
        "shop": "店铺现在连不上，恢复后自动退款，只退一次，不用再操作。",
        "auth": "店铺授权失效了，请管理员重新授权，之后自动退款。",
    }
    if refund.open and refund.waiting in hints:
        lines.append(hints[refund.waiting])
    if refund.money is MoneyState.UNKNOWN:
        lines.append("店铺没有回音，正在核实，不会重复退款。")
    if refund.outcome and refund.finished_at and refund.process is not RefundProcess.REFUSED:
        lines.append(f"{day_time(refund.finished_at, now)} {refund.outcome}")
    return tuple(lines)


def _buttons(refund: Refund, policy: RefundPolicy, decides: bool, step: str) -> tuple[Button, ...]:
    if not refund.open:
        return ()
    if not decides:
        return (_button("刷新进度", "refund.refresh", refund, f"退款单 {refund.number}"),)
    approve = f"同意 {refund.number}"
    if step == "confirm":
        return (
            _button("确认退款", "refund.confirm", refund, approve, Style.PRIMARY),
            _button("返回", "refund.back", refund, f"退款单 {refund.number}"),
        )
    if step == "reason":
        reasons = policy.reject_reasons[:5]
        return (
            *(
                _button(text, "refund.reject", refund, f"驳回 {refund.number} {text}", Style.DANGER, str(n))
                for n, text in enumerate(reasons)
            ),
            _button("返回", "refund.back", refund, f"退款单 {refund.number}"),
        )
    return (
        _button("同意", "refund.approve", refund, approve, Style.PRIMARY),
        _button("驳回", "refund.reject", refund, f"驳回 {refund.number} 原因", Style.DANGER),
    )


def _menu(refund: Refund) -> tuple[Button, ...]:
    order = Action("order.open", order_subject(refund.order_id)).encode()
    return (
        _button("为什么", "refund.why", refund, f"为什么 {refund.number}"),
        Button("看订单", order, f"查单 {refund.order_key.platform_order_id}"),
    )


def _button(
    text: str, verb: str, refund: Refund, command: str, style: Style = Style.NORMAL, *args: str
) -> Button:
    action = Action(verb, refund_subject(refund.number), refund.revision, args)
    return Button(text, action.encode(), command, style)


def samples(scene: Scene) -> list[Sample]:
    """Every state and step of a refund card, for the gallery."""
    order, asked = sample_data.sample_order(), sample_data.sample_refund()
    agreed, success, refused = RefundProcess.AGREED, RefundProcess.SUCCESS, RefundProcess.REFUSED
    pending, unknown = MoneyState.PENDING, MoneyState.UNKNOWN
    decided = sample_data.decided_refund
    moment = sample_data.MOMENT
    states = {
        "refund-paying": decided("approve", agreed, pending),
        "refund-waiting-buyer": decided("approve", agreed, pending, waiting="buyer"),
        "refund-waiting-shop": decided("approve", agreed, pending, waiting="shop"),
        "refund-unknown": decided("approve", agreed, unknown),
        "refund-paid": decided(
            "approve", success, MoneyState.SUCCESS, outcome="店铺已退款", finished_at=moment
        ),
        "refund-rejected": decided(
            "reject", refused, MoneyState.NONE, outcome="凭证不足", finished_at=moment
        ),
        "refund-failed": decided(
            "approve", RefundProcess.CLOSED, MoneyState.FAILED, outcome="店铺拒绝了退款", finished_at=moment
        ),
    }
    return [
        Sample("refund-to-approve", view(scene, asked, order, sample_data.FINANCE)),
        Sample("refund-confirm", view(scene, asked, order, sample_data.FINANCE, step="confirm")),
        Sample("refund-reason", view(scene, asked, order, sample_data.FINANCE, step="reason")),
        Sample("refund-asked", view(scene, asked, order, sample_data.SERVICE)),
        *(Sample(name, view(scene, refund, order, sample_data.SERVICE)) for name, refund in states.items()),
    ]
