"""群号: what to write into the settings so that messages go to this group."""

from __future__ import annotations

from handlers.router import Context, Router

router = Router(place=90)
EXAMPLE = "finance"  # a name of `chats:` that is also a role, so that it means something as it stands


@router.command(
    "群号",
    usage="群号",
    help="在群里问：这个群的编号，和怎么写进设置",
    aliases=("qunhao",),
)
async def chat_id(ctx: Context, _text: str) -> None:
    account, group = ctx.inbound.account, ctx.inbound.chat_id
    if group:
        apps = [app for platform, app in ctx.scene.doors if platform == account.platform]
        written = f"{account.app}/{group}" if len(apps) > 1 else group
        ctx.say(
            f"这个群的群号：{group}\n写进 config.yaml，名字自己起，规则里用这个名字发到本群：\n"
            f'chats:\n  {EXAMPLE}:\n    groups: {{{account.platform}: "{written}"}}\n'
            "保存后重启服务生效"
        )
        return
    door = ctx.scene.doors.get((account.platform, account.app))
    if door is not None and door.hears_groups:
        ctx.say("群号要在群里问：把机器人加进群，在群里 @它 发“群号”")
        return
    ctx.say(
        "这个应用听不到群里的话，问不到群号。设置里的 chats 只写 roles 或 people，消息就逐个发给本人；"
        "作战室这样的群由前哨自己建，不用群号"
    )
