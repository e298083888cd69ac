"""帮助: what the caller may do, and nothing else."""

from __future__ import annotations

from cards.words import words
from domain.staff import ROLE_NAMES
from handlers.entry import allowed_commands
from handlers.router import Context, Router

router = Router()


@router.command(
    "帮助", usage="帮助", help="看你能用的命令", aliases=("help", "?", "？", "bangzhu", "菜单", "用法")
)
async def show_help(ctx: Context, _text: str) -> None:
    roles = "、".join(ROLE_NAMES[role] for role in sorted(ctx.staff.roles))
    ctx.say(words("help", name=ctx.staff.name, roles=roles, commands=allowed_commands(ctx)))
