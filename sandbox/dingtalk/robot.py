"""Robot send, query and recall APIs (dingtalk.md §5.2)."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, bodies, figures, ids, media
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.bodies import Shown
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.records import Group, Message

SCOPE = "qyapi_robot_sendmsg"
MAX_USERS = 20
MAX_KEYS = 20


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/v1.0/robot/oToMessages/batchSend", _batch_send, SCOPE),
        Endpoint("GET", "/v1.0/robot/oToMessages/readStatus", _read_status, SCOPE),
        Endpoint("POST", "/v1.0/robot/otoMessages/batchRecall", _recall, SCOPE),
        Endpoint("POST", "/v1.0/robot/groupMessages/send", _group_send, SCOPE),
        Endpoint("POST", "/v1.0/robot/groupMessages/query", _group_query, SCOPE),
        Endpoint("POST", "/v1.0/robot/groupMessages/recall", _recall, SCOPE),
        Endpoint("POST", "/v1.0/robot/messageFiles/download", _download, SCOPE),
    ]


def check_robot_code(call: Call, code: Any) -> None:
    if not code:
        raise answers.api("invalidParameter.robotCode.empty", "robotCode不能为空")
    if code != call.app.robot_code:
        raise answers.api("resource.not.found", "robot 不存在")


async def _batch_send(call: Call) -> Reply:
    check_robot_code(call, call.body.get("robotCode"))
    users = call.body.get("userIds")
    if not isinstance(users, list) or not users:
        raise answers.api("invalidParameter.userIds.empty", "userIds不能为空")
    if len(users) > MAX_USERS:
        raise answers.api("invalidParameter.userIds.overMax", "userIds超过20个")
    shown = _shown(call)
    known = [str(u) for u in users if call.tenant.person(str(u)) and call.app.sees(str(u))]
    if not known:
        raise answers.api("staffId.notExisted", "错误描述: staff 不存在")
    key = ids.process_query_key()
    for user in dict.fromkeys(known):
        _post(call, shown, key, chat="", user=user)
    return Reply(
        {
            "processQueryKey": key,
            "invalidStaffIdList": [u for u in users if str(u) not in known],
            "flowControlledStaffIdList": [],
        }
    )


async def _group_send(call: Call) -> Reply:
    check_robot_code(call, call.body.get("robotCode"))
    group = reachable_group(call, call.body.get("openConversationId"))
    if len(str(call.body.get("msgParam", "")).encode()) > bodies.GROUP_PARAM_BYTES:
        raise answers.api("invalidParameter.msgParam.tooLong", "msgParam超过15000字节")
    key = ids.process_query_key()
    _post(call, _shown(call), key, chat=group.cid, user="")
    return Reply({"processQueryKey": key})


def reachable_group(call: Call, cid: Any) -> Group:
    """The group, if it exists, is alive, and the app's robot is in it."""
    if not cid:
        raise answers.api("miss.openConversationId", "缺少openConversationId")
    group = call.tenant.groups.get(str(cid))
    if group is None:
        raise answers.api("invalid.openConversationId", "openConversationId无效")
    if group.disbanded:
        raise answers.api("group.disbanded", "群已解散")
    if call.app.name not in group.robots:
        raise answers.api(figures.text(call.tenant.world, "robot_absent_code"), "robot 不存在")
    return group


def _shown(call: Call) -> Shown:
    """The checked message; a media id must be one that was uploaded."""
    shown = bodies.from_send(call.body)
    media_id = str(shown.content.get("media", ""))
    if media_id and not media_id.startswith("http") and media.find(call.tenant, media_id) is None:
        raise answers.api("invalidParameter.msgParam.invalid", "mediaId 不存在")
    return shown


def _post(call: Call, shown: Shown, key: str, *, chat: str, user: str) -> None:
    message = call.tenant.post(
        call.app,
        chat=chat,
        user=user,
        sender="bot",
        kind=shown.kind,
        text=shown.text,
        content=shown.content,
        process_key=key,
    )
    call.message_ids.append(message.id)


def _sent(call: Call, key: str) -> list[Message]:
    """The bubbles of one send of this app, while the platform still knows it (24 h)."""
    window = figures.number(call.tenant.world, "recall_seconds") * 1000
    now = call.tenant.world.clock.epoch_ms()
    found = call.tenant.sends.get(key, [])
    return [m for m in found if m.app == call.app.name and now - m.created_ms <= window]


async def _read_status(call: Call) -> Reply:
    check_robot_code(call, call.query.get("robotCode"))
    found = _sent(call, call.query.get("processQueryKey", ""))
    if not found:
        raise answers.api("processQueryKey.expireTime", "processQueryKey已过期")
    infos = []
    for message in found:
        person = call.tenant.person(message.user)
        name = person.name if person else ""
        infos.append({"name": name, "userId": message.user, "readStatus": "UNREAD"})
    return Reply({"sendStatus": _status(found), "messageReadInfoList": infos})


async def _group_query(call: Call) -> Reply:
    check_robot_code(call, call.body.get("robotCode"))
    reachable_group(call, call.body.get("openConversationId"))
    found = _sent(call, str(call.body.get("processQueryKey", "")))
    if not found:
        raise answers.api("processQueryKey.expireTime", "processQueryKey已过期")
    return Reply({"sendStatus": _status(found), "readUserIds": [], "hasMore": False, "nextToken": ""})


def _status(found: list[Message]) -> str:
    return "RECALLED" if all(message.recalled for message in found) else "SUCCESS"


async def _recall(call: Call) -> Reply:
    """Takes back what this app sent through the API in the last 24 h; the rest is listed with a reason."""
    check_robot_code(call, call.body.get("robotCode"))
    keys = call.body.get("processQueryKeys")
    if not isinstance(keys, list) or not keys or len(keys) > MAX_KEYS:
        raise answers.api("invalidParameter.param.invalid", "processQueryKeys无效")
    done: list[str] = []
    failed: dict[str, str] = {}
    for key in map(str, keys):
        found = _sent(call, key)
        if not found:
            failed[key] = "processQueryKey.expireTime"
            continue
        for message in found:
            message.recalled = True
            call.tenant.touch(message)
            call.message_ids.append(message.id)
        done.append(key)
    return Reply({"successResult": done, "failedResult": failed})


async def _download(call: Call) -> Reply:
    check_robot_code(call, call.body.get("robotCode"))
    code = str(call.body.get("downloadCode", ""))
    found = None if code.startswith("@") else media.find(call.tenant, code)  # a media id is no download code
    if found is None:
        raise answers.api("invalidParameter.param.invalid", "downloadCode无效")
    return Reply({"downloadUrl": media.signed_url(call.tenant, found)})
