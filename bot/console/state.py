"""The desk's condition as a page, for supervisors and administrators: what is impaired, since when, what works."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from bot.busy_notice import about, minutes
from bot.console.page import Part, answer, reader, refused
from bot.episodes import TOLD
from bot.room_report import moment

if TYPE_CHECKING:
    from bot.compose import Desk


def routes(desk: Desk) -> Iterable[web.RouteDef]:
    async def state_page(request: web.Request) -> web.Response:
        who = reader(desk, request)
        if who is None or who.staff is None or not who.staff.has(*TOLD):
            return refused()
        return _page(desk)

    return [web.get("/console/state", state_page)]


def _page(desk: Desk) -> web.Response:
    faults = desk.condition.faults
    parts = [
        Part(
            "不正常的部分",
            heads=("部分", "从", "原因", "还能做什么"),
            rows=[(fault.title, moment(fault.since), fault.why, fault.works) for fault in faults],
            empty="都正常",
        ),
        Part("收件箱", facts=_inbox(desk)),
        Part(
            "发送",
            facts=[(f"{platform}:{app}", desk.door_state(platform, app)) for platform, app in desk.doors],
        ),
    ]
    state = f"{len(faults)} 处不正常" if faults else "一切正常"
    return answer("运行状态", parts, subtitle=state, footer=f"{moment(desk.clock.now())} 的状态")


def _inbox(desk: Desk) -> list[tuple[str, str]]:
    standing, admission = desk.condition.pressure.standing, desk.receiver.admission
    seconds = standing.seconds_for(standing.depth)
    facts = [
        ("等着处理", f"{about(admission.depth)} 条（上限 {admission.limit}）"),
        ("最早的等了", f"{standing.oldest_seconds:.0f} 秒"),
        ("处理速度", f"每秒约 {standing.rate:.0f} 条" if standing.rate is not None else "还不知道"),
    ]
    if standing.busy and seconds is not None:
        facts.append(("预计处理完", minutes(seconds)))
    return facts
