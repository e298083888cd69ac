"""Internal groups and the robots in them (dingtalk.md §7.2)."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, figures
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.records import Group
from sandbox.dingtalk.robot import check_robot_code
from sandbox.dingtalk.tenant import NAME

SCOPE = "qyapi_chat_manage"
NAME_CHARACTERS = 20
MEMBERS_MOST = 1000


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/v1.0/im/group/create", _create, SCOPE),
        Endpoint("POST", "/v1.0/im/group/update", _update, SCOPE),
        Endpoint("POST", "/v1.0/im/chat/{chat_id}/convertToOpenConversationId", _convert, SCOPE),
        Endpoint("POST", "/v1.0/im/innerGroups/members/query", _members, SCOPE),
        Endpoint("POST", "/v1.0/robot/groups/robots/query", _robots, SCOPE),
        Endpoint("POST", "/v1.0/robot/groups/orgRobots/add", _add_robot, SCOPE),
        Endpoint("GET", "/chat/get", _get, SCOPE),
    ]


def people(call: Call, given: Any) -> list[str]:
    if not isinstance(given, list):
        raise answers.api("parameter.invalid", "成员列表无效")
    if len(given) > MEMBERS_MOST:
        raise answers.api("member.exceed", "群成员超过上限")
    for userid in given:
        if call.tenant.person(str(userid)) is None:
            raise answers.api("member.notFound", f"成员不存在 {userid}")
    return [str(userid) for userid in given]


def _check_name(name: Any) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARACTERS:
        raise answers.api("parameter.invalid", "群名称长度必须为1到20个字符")
    return name


def check_owner(call: Call, owner: str) -> str:
    """The owner must be inside the app's visible range; the code's spelling is the platform's."""
    if call.tenant.person(owner) is None or not call.app.sees(owner):
        raise answers.api("permession.checkFailed", "群主不在应用可见范围内")
    return owner


async def _create(call: Call) -> Reply:
    """A new group holds no robot."""
    body, tenant = call.body, call.tenant
    name = _check_name(body.get("name"))
    owner = check_owner(call, str(body.get("owner") or ""))
    members = people(call, body.get("useridlist"))
    check_ceiling(call)
    group = tenant.add_group(call.app, name, owner, [owner, *members])
    tenant.world.record_effect(NAME, "group", group.cid, name=name, owner=owner, members=group.members)
    return Reply({"conversationTag": 2, "openConversationId": group.cid, "chatid": group.chatid})


def check_ceiling(call: Call) -> None:
    if len(call.tenant.groups) >= figures.whole(call.tenant.world, "group_ceiling"):
        raise answers.api("system.error", "系统错误", 500)


async def _update(call: Call) -> Reply:
    """Everything is checked before anything changes."""
    body = call.body
    group = _by_chatid(call, str(body.get("chatid") or ""))
    if group.app != call.app.name:
        raise answers.api("groupPermissionDenied", "应用没有这个群的权限")
    name = _check_name(body["name"]) if "name" in body else group.name
    owner = check_owner(call, str(body["owner"])) if body.get("owner") else group.owner
    gone = set(people(call, body.get("del_useridlist") or []))
    added = people(call, body.get("add_useridlist") or [])
    kept = [userid for userid in group.members if userid not in gone]
    members = list(dict.fromkeys([*kept, *added]))
    if owner not in members:
        raise answers.api("parameter.invalid", "群主必须是群成员")
    if len(members) > MEMBERS_MOST:
        raise answers.api("member.exceed", "群成员超过上限")
    group.name, group.owner, group.members = name, owner, members
    call.tenant.save_group(group)
    return Reply({"success": True})


def _by_chatid(call: Call, chatid: str) -> Group:
    group = call.tenant.group_by_chatid(chatid)
    if group is None or group.disbanded:
        raise answers.api("parameter.invalid", "chatid无效")
    return group


def by_cid(call: Call, name: str = "openConversationId") -> Group:
    group = call.tenant.groups.get(str(call.body.get(name) or ""))
    if group is None or group.disbanded:
        raise answers.api("parameter.invalid", "openConversationId无效")
    return group


async def _convert(call: Call) -> Reply:
    return Reply({"openConversationId": _by_chatid(call, call.request.match_info["chat_id"]).cid})


async def _members(call: Call) -> Reply:
    return Reply({"userIds": by_cid(call).members, "hasMore": False, "nextToken": ""})


async def _robots(call: Call) -> Reply:
    listed = []
    group = by_cid(call)
    if group.group_robot and call.tenant.world.clock.epoch_ms() >= _installed_ms(call, group):
        listed.append(
            {"robotCode": group.group_robot, "name": "群机器人", "downloadIconURL": "", "openRobotType": 2}
        )
    for name in group.robots:
        app = call.tenant.app(name)
        listed.append(
            {"robotCode": app.robot_code, "name": app.robot_name, "downloadIconURL": "", "openRobotType": 1}
        )
    return Reply({"chatbotInstanceVOList": listed})


def _installed_ms(call: Call, group: Group) -> float:
    return group.born_ms + figures.number(call.tenant.world, "group_robot_seconds") * 1000


async def _add_robot(call: Call) -> Reply:
    """Undocumented; the switch `dingtalk.org_robots_add` turns it into 403 or 404."""
    answer = figures.text(call.tenant.world, "org_robots_add")
    if answer == "404":
        raise answers.unknown_api()
    if answer == "403":
        raise answers.api("Forbidden.AccessDenied.AccessTokenPermissionDenied", "没有调用该接口的权限", 403)
    check_robot_code(call, call.body.get("robotCode"))
    group = by_cid(call)
    if call.app.name not in group.robots:
        group.robots.append(call.app.name)
        call.tenant.save_group(group)
    return Reply({"result": True})


async def _get(call: Call) -> Reply:
    group = call.tenant.group_by_chatid(call.query.get("chatid", ""))
    if group is None:
        raise answers.old(34001, "无效的会话id")
    if group.app != call.app.name:
        raise answers.old(60011, "应用没有这个群的权限")
    info = {
        "name": group.name,
        "owner": group.owner,
        "useridlist": group.members,
        "chatid": group.chatid,
        "conversationTag": 2,
    }
    return answers.old_ok(chat_info=info)
