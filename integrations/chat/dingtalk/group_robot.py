"""Our robot in a group we made: bring it in by the undocumented call, verify, else say what to tap (§7.3)."""

from __future__ import annotations

import asyncio

from integrations.chat.dingtalk.answers import ApiError
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.payload import Json, object_of, text_of

WAITS = (0.0, 1.0, 2.0)  # seconds before each look: installing it may take a moment


async def bring_robot(client: Client, chat_id: str, name: str) -> str:
    """What a person must still tap, "" when the robot is in. The group stands either way, so nothing is raised."""
    added = await _add(client, chat_id)
    try:
        for wait in WAITS if added else WAITS[:1]:
            await asyncio.sleep(wait)
            if await _is_inside(client, chat_id):
                return ""
    except ApiError as error:
        return f"没能确认机器人在不在群“{name}”里（{error}）。{_taps(name)}"
    return f"机器人还不在群“{name}”里。{_taps(name)}"


def _taps(name: str) -> str:
    return (
        f"请群主在钉钉打开群“{name}” → 群设置 → 机器人 → 添加机器人，选本应用的机器人；"
        "加好后在群里 @它 发“群号”，有回答就好了"
    )


async def _add(client: Client, chat_id: str) -> bool:
    body: Json = {"openConversationId": chat_id, "robotCode": client.settings.robot}
    try:
        found = await client.api("POST", "/v1.0/robot/groups/orgRobots/add", body, repeatable=True)
    except ApiError:
        return False  # not open to this app, or not now: the list of robots tells what is so
    return found.get("result") is True


async def _is_inside(client: Client, chat_id: str) -> bool:
    found = await client.api(
        "POST", "/v1.0/robot/groups/robots/query", {"openConversationId": chat_id}, repeatable=True
    )
    listed = found.get("chatbotInstanceVOList")
    robots = [object_of(robot) for robot in listed] if isinstance(listed, list) else []
    return any(text_of(robot.get("robotCode")) == client.settings.robot for robot in robots)
