"""What `doctor` asks DingTalk: each probe answers (fine, words for the person who sets this up) (§13)."""

from __future__ import annotations

from integrations.chat.dingtalk.answers import CONSOLE, ApiError, Kind
from integrations.chat.dingtalk.card_mode import OWN, PUBLIC, CardMode
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.payload import Json

Finding = tuple[bool, str]
GROUPS = "qyapi_chat_manage"  # for war rooms only: without it everything else works


async def token(client: Client) -> Finding:
    try:
        await client.tokens.get()
    except ApiError as error:
        return False, f"钉钉 access token 取不到：{error}"
    return True, "钉钉 access token 正常"


async def stream_open(client: Client) -> Finding:
    """Asks for a connection and leaves the ticket unused; it lapses after 90 s."""
    try:
        await client.open_stream()
    except ApiError as error:
        return (
            False,
            f"Stream 连接打不开：{error}；请确认 {CONSOLE} → 机器人 的消息接收模式是 Stream 且已发布",
        )
    return True, "Stream 连接可以打开"


async def card_template(mode: CardMode) -> Finding:
    try:
        await mode.probe()
    except ApiError as error:
        return False, f"卡片模板没法检查：{error}"
    if mode.mode in {OWN, PUBLIC}:
        fine = mode.mode == OWN or not mode.reason.startswith("自有")
        return fine, mode.reason
    return False, f"卡片改用消息按钮或文字命令：{mode.reason}"


async def scopes(client: Client) -> Finding:
    """Harmless calls: with the permission they fail on their empty parameters, without it on the permission."""
    calls: tuple[tuple[str, str, Json], ...] = (
        ("qyapi_robot_sendmsg", "/v1.0/robot/oToMessages/batchSend", _empty_send(client)),
        ("Card.Instance.Write", "/v1.0/card/instances/createAndDeliver", {}),
        (GROUPS, "/v1.0/im/group/create", {}),
    )
    missing: list[str] = []
    for scope, path, body in calls:
        try:
            await client.api("POST", path, body, repeatable=True)
        except ApiError as error:
            if error.kind is Kind.SCOPE:
                missing.append(scope)
            elif error.kind is not Kind.REFUSED:
                return False, f"权限没法检查：{error}"
    if missing == [GROUPS]:
        return True, f"消息和卡片权限已开通；没有 {GROUPS}，建不了作战室的群"
    if missing:
        return False, f"缺少权限 {'、'.join(missing)}：请到 {CONSOLE} → 权限管理 申请"
    return True, "消息和卡片权限已开通"


def _empty_send(client: Client) -> Json:
    return {
        "robotCode": client.settings.robot,
        "userIds": [],
        "msgKey": "sampleText",
        "msgParam": '{"content":""}',
    }
