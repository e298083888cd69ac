"""The report of a war room as a page: cause, effect, timeline, tasks as they stand now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from bot.console.facts import receiver_facts
from bot.console.page import Part, Reader, answer, reader, refused
from bot.receive import new_trace
from bot.room_report import LINE_HEADS, TASK_HEADS, line_rows, moment, summary, task_rows
from cards.room import Inside, inside
from domain.permission import can_see_order
from domain.room import Room, can_see_room

if TYPE_CHECKING:
    from bot.compose import Desk


def routes(desk: Desk) -> Iterable[web.RouteDef]:
    async def room_page(request: web.Request) -> web.Response:
        who = reader(desk, request)
        uow = desk.db.unit_of_work(new_trace())
        room = await uow.rooms.get(request.match_info["number"]) if who else None
        if who is None or room is None or not _may_read(who, room):
            return refused()
        return _page(desk, await inside(uow, room, limit=1000), who)

    return [web.get("/console/rooms/{number}", room_page)]


def _may_read(who: Reader, room: Room) -> bool:
    return who.group == room.number if who.staff is None else can_see_room(who.staff, room)


def _page(desk: Desk, given: Inside, who: Reader) -> web.Response:
    """Buyer's data only for those whose role shows them the order, masked; none for who merely reads the group."""
    room, order = given.room, given.order
    facts = list(summary(given, desk.scene.shop_name(room.shop_code)))
    if order is not None and who.staff is not None and can_see_order(who.staff, order):
        facts += receiver_facts(order, who.staff)
    facts += [("注意", "\n".join(room.notes))] if room.notes else []
    parts = [
        Part("概况", facts=[row for row in facts if row[1]]),
        Part("任务与跟进", heads=TASK_HEADS, rows=task_rows(given.tasks), empty="没有任务"),
        Part("时间线", heads=LINE_HEADS, rows=line_rows(given)),
    ]
    state = "进行中" if room.open else "已结束"
    seen = f"{moment(desk.clock.now())} 的状态"
    return answer(room.name, parts, subtitle=f"{room.number} · {state}", footer=seen)
