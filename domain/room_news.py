"""What happens to a room's subject, in the room's own timeline: states, refunds, alerts, exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.audit import AuditEntry
from domain.order import Order, OrderState
from domain.order_states import STATE_NAMES
from domain.ports import UnitOfWork
from domain.room import LineKind, Room, RoomLine, Stir, room_subject
from domain.room_tell import MACHINE, Around, clean, mirror, note
from domain.staff import StaffDirectory

BATCH = 50


async def orders_changed(uow: UnitOfWork, orders: Sequence[Order], around: Around) -> None:
    """A changed state joins the timeline of the order's open room, each change once. The caller commits."""
    by_id = {order.id: order for order in orders}
    for room in await uow.rooms.open_of_orders(list(by_id)):
        order = by_id[room.order_id]
        if order.state.value == room.order_state:
            continue
        text = f"订单状态：{_state(room.order_state)} → {STATE_NAMES[order.state]}{_parcel(order)}"
        uow.rooms.save(replace(room, order_state=order.state.value))
        key = f"state.{order.state.value}.{order.revision}"
        note(uow, room, LineKind.NEWS, text, MACHINE, around.now, key)
        await mirror(uow, room, text, around, unshown_only=True, key=f"room.{room.number}.{key}")
        uow.touch(room_subject(room.number))


def _state(value: str) -> str:
    known = {state.value for state in OrderState}
    return STATE_NAMES[OrderState(value)] if value in known else value or "未知"


def _parcel(order: Order) -> str:
    if not order.waybills or order.state is not OrderState.SHIPPED:
        return ""
    last = order.waybills[-1]
    return f"，{last.carrier} {last.number}".rstrip()


async def listen(uow: UnitOfWork, around: Around, limit: int = BATCH) -> int:
    """Take what the audit says of watched subjects into the timelines. Audit rows are only ever added, so their count
    says whether there is news; each row is noted once under its id. The caller commits."""
    stirs = await uow.rooms.stirred(limit)
    for stir in stirs:
        room = await uow.rooms.get(stir.number)
        if room is not None:
            await _hear(uow, room, stir, around)
    return len(stirs)


async def _hear(uow: UnitOfWork, room: Room, stir: Stir, around: Around) -> None:
    known = {line.key for line in await uow.rooms.lines(room.number)}
    for heard in await uow.rooms.story_of(stir.subject, room.opened_at):
        key = f"audit.{heard.id}"
        text = news_text(heard.entry, around.directory)
        if not text or key in known:
            continue
        who = heard.entry.actor
        uow.rooms.save(room)  # a group that is being made at this moment must not miss it
        uow.rooms.add_line(RoomLine(room.number, heard.entry.at, LineKind.NEWS, text, who, "", key))
        await mirror(uow, room, text, around, unshown_only=True, key=f"room.{room.number}.{key}")
        uow.touch(room_subject(room.number))
    uow.rooms.watch(room.number, stir.subject, stir.count)


def news_text(entry: AuditEntry, directory: StaffDirectory) -> str:
    """One audit row in words; "" for what a room need not know."""
    name, number = _name(entry.actor, directory), entry.subject.id
    facts = {key: clean(str(value), 100) for key, value in entry.details.items() if isinstance(value, str)}
    amount, reason = facts.get("amount", ""), facts.get("reason", "")
    because = f"：{reason}" if reason else ""
    said = {
        "refund.requested": f"{name}申请退款 {amount}{because}（{number}）",
        "refund.approved": f"{name}同意退款 {amount}（{number}）",
        "refund.rejected": f"{name}驳回退款 {amount}{because}（{number}）",
        "refund.paid": f"退款已到账（{number}）",
        "refund.failed": f"退款失败（{number}）",
        "alert.raised": f"预警 {number}：{facts.get('what', '')}",
        "alert.changed": f"预警 {number}：{facts.get('what', '')}",
        "alert.acknowledged": f"{name}认领预警 {number}",
        "alert.snoozed": f"{name}静默预警 {number}",
        "alert.reassigned": f"{name}把预警 {number} 转派给{_name(facts.get('to', ''), directory)}",
        "alert.closed": f"{name}关闭预警 {number}{because}",
        "exception.raised": f"新异常单 {number}",
        "exception.taken": f"{name}认领异常 {number}",
        "exception.closed": f"异常 {number} 关闭（{name}）{because}",
        "exception.redone": f"{name}重试异常 {number}",
        "order.paid": "支付核对：订单已改为已付款",
    }
    return said.get(entry.action, "")


def _name(actor: str, directory: StaffDirectory) -> str:
    """Rules and the machine have no name of their own."""
    person = directory.by_id(actor)
    return person.name if person else "系统"
