"""Agreeing to a buyer's refund application, in steps that can never pay twice (platforms.md §3.1, §11.12)."""

from __future__ import annotations

from typing import Any

from domain.money import Money
from domain.order import MoneyState, RefundProcess
from domain.ports import ActionResult, Rejected, RemoteTemporary, RemoteUnknown, ShopError
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.formats import rows
from integrations.commerce.taobao.mapping import to_refund

REFUND_FIELDS = (
    "refund_id,tid,oid,status,refund_fee,payment,total_fee,reason,desc,created,modified,refund_phase,"
    "refund_version,has_good_return,good_status,order_status,dispute_type,num"
)
OPERATOR = "前哨"
NEEDS_CODE = "10000"


async def read_refund(client: TopClient, refund_id: str) -> dict[str, Any]:
    answer = await client.call("taobao.refund.get", {"fields": REFUND_FIELDS, "refund_id": refund_id})
    refund: dict[str, Any] = answer.get("refund") or {}
    return refund


async def agree(client: TopClient, refund_id: str, amount: Money, *, tmall: bool, key: str) -> ActionResult:
    """Ask, review (Tmall), agree, ask again. RemoteUnknown when the money's state is not certain."""
    refund = await read_refund(client, refund_id)
    if (answer := _without_agreeing(refund, amount)) is not None:
        return answer
    try:
        if tmall:
            await _review(client, refund, key)
            refund = await read_refund(client, refund_id)  # a review may count as a change of version
        result = await _agree_once(client, refund, amount, tmall=tmall)
    except Rejected as refusal:
        result = ActionResult("rejected", str(refusal))
    if result.status == "needs_code":
        return result
    return await _confirmed(client, refund, result)


def _without_agreeing(refund: dict[str, Any], amount: Money) -> ActionResult | None:
    """The answer when the application's present state already gives it."""
    now = to_refund(refund)
    if now.money is MoneyState.SUCCESS:
        return ActionResult("already_done", "淘宝上这笔退款已经完成")
    if refund.get("has_good_return") is True:
        return ActionResult("rejected", "买家申请的是退货退款：请在千牛确认收到退货后再退")
    if now.process in (RefundProcess.REFUSED, RefundProcess.CLOSED):
        return ActionResult("rejected", "淘宝上的退款申请已关闭：请买家重新申请")
    if now.process is not RefundProcess.APPLIED:
        raise RemoteUnknown(f"退款单 {now.platform_refund_id} 正由淘宝处理，等它有结果再核对")
    if amount.currency != "CNY" or amount.minor <= 0:
        return ActionResult("rejected", "淘宝只能退人民币，金额要大于 0")
    if now.amount < amount:
        return ActionResult("rejected", f"买家现在只申请了 {now.amount}，少于批准的 {amount}：请重新发起退款")
    return None


async def _review(client: TopClient, refund: dict[str, Any], key: str) -> None:
    """Tmall's step before agreeing. It moves no money and may be repeated."""
    args = {
        "refund_id": str(refund["refund_id"]),
        "operator": OPERATOR,
        "refund_phase": str(refund.get("refund_phase") or ""),
        "refund_version": str(refund.get("refund_version") or ""),
        "result": "true",
        "message": f"同意退款 {key}",
    }
    await client.call("taobao.rp.refund.review", args)


async def _agree_once(
    client: TopClient, refund: dict[str, Any], amount: Money, *, tmall: bool
) -> ActionResult:
    """One row a call: the versions of the documentation disagree on how many are allowed."""
    parts = [str(refund["refund_id"]), str(amount.minor), str(refund.get("refund_version") or "")]
    if tmall:
        parts.append(str(refund.get("refund_phase") or ""))
    answer = await client.call("taobao.rp.refunds.agree", {"refund_infos": "|".join(parts)}, once=True)
    return read_result(answer, parts[0])


def read_result(answer: dict[str, Any], refund_id: str) -> ActionResult:
    """What an answer of rp.refunds.agree says about this refund."""
    message = str(answer.get("message") or "")
    mine = [
        row
        for row in rows(answer, "results", "refund_mapping_result")
        if str(row.get("refund_id")) == refund_id
    ]
    if answer.get("succ") is True or any(row.get("succ") is True for row in mine):
        return ActionResult("done", "淘宝已同意退款")
    if str(answer.get("msg_code")) == NEEDS_CODE or "验证码" in message:
        return ActionResult(
            "needs_code", f"淘宝要求短信验证码：请在千牛的退款管理里同意退款单 {refund_id}，完成后会自动核对"
        )
    why = next((str(row["message"]) for row in mine if row.get("message")), message)
    return ActionResult("rejected", f"淘宝没有同意退款：{why or answer.get('msg_code')}")


async def _confirmed(client: TopClient, refund: dict[str, Any], result: ActionResult) -> ActionResult:
    """Only the application's own money state counts, whatever the call answered."""
    try:
        fresh = await read_refund(client, str(refund["refund_id"]))
    except ShopError as error:
        # A refusal too: the shop's people, or another process, may have agreed to it a moment ago.
        said = "淘宝已受理退款，还没核对到账" if result.status == "done" else f"{result.message}，还没核对"
        raise RemoteUnknown(said) from error
    if to_refund(fresh).money is MoneyState.SUCCESS:
        return result if result.status == "done" else ActionResult("already_done", "淘宝上这笔退款已经完成")
    if result.status == "done":
        raise RemoteUnknown("淘宝已受理退款，钱还没有退出，等它有结果再核对")
    if fresh.get("refund_version") != refund.get("refund_version"):
        raise RemoteTemporary("买家刚改过退款申请，重新核对后再同意")
    return result
