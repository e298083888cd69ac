"""额度: calls and messages of this month against the platforms' limits."""

from __future__ import annotations

from domain.chat import SubjectRef
from domain.policy import Policies
from domain.staff import Role, Staff
from handlers.router import Context, Router

router = Router(place=80)


def may_see(staff: Staff, _policies: Policies) -> bool:
    return staff.has(Role.SUPERVISOR, Role.ADMIN)


@router.command("额度", usage="额度", help="看本月消息和接口用量", aliases=("用量", "quota"), allowed=may_see)
async def quota(ctx: Context, _text: str) -> None:
    ctx.show(SubjectRef("usage", "month"))
