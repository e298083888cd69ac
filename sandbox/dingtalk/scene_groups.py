"""Scene groups: made from a published template, idempotent by uuid, with the template's own robot (dingtalk.md §7)."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, figures, ids
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.groups import MEMBERS_MOST, SCOPE, by_cid, check_ceiling, check_owner, people
from sandbox.dingtalk.records import Group
from sandbox.dingtalk.tenant import NAME

TITLE_CHARACTERS = 30


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/v1.0/im/sceneGroup/create", _create, SCOPE),
        Endpoint("POST", "/v1.0/im/sceneGroup/update", _update, SCOPE),
        Endpoint("POST", "/v1.0/im/sceneGroup/member/add", _add, SCOPE),
        Endpoint("POST", "/v1.0/im/sceneGroup/member/delete", _delete, SCOPE),
        Endpoint("POST", "/v1.0/im/chat/scenegroup/disband", _disband, SCOPE),
        Endpoint("POST", "/v1.0/im/sceneGroups/query", _query, SCOPE),
        Endpoint("POST", "/v1.0/im/sceneGroups/members/batchQuery", _members, SCOPE),
    ]


def _title(title: Any) -> str:
    if not isinstance(title, str) or not 1 <= len(title) <= TITLE_CHARACTERS:
        raise answers.api("paramIllegal", "群名称长度必须为1到30个字符")
    return title


def _templates(call: Call) -> set[str]:
    listed = figures.text(call.tenant.world, "group_templates")
    return {part.strip() for part in listed.split(",") if part.strip()}


async def _create(call: Call) -> Reply:
    """The same uuid of the same app gives the same group."""
    body, tenant = call.body, call.tenant
    template, uuid = str(body.get("template_id") or ""), str(body.get("uuid") or "")
    if template not in _templates(call):
        raise answers.api("groupTemplate.notFound", "群模板不存在")
    title = _title(body.get("title"))
    owner = check_owner(call, str(body.get("owner_user_id") or ""))
    members = people(call, body.get("user_ids") or [])
    known = [g for g in tenant.groups.values() if uuid and (g.uuid, g.app) == (uuid, call.app.name)]
    if not known:
        check_ceiling(call)
        group = tenant.add_group(
            call.app,
            title,
            owner,
            [owner, *members],
            template=template,
            uuid=uuid,
            group_robot=ids.client_id(),
        )
        tenant.world.record_effect(NAME, "group", group.cid, name=title, owner=owner, members=group.members)
        known = [group]
    return Reply({"open_conversation_id": known[0].cid, "chat_id": known[0].chatid})


def _own(call: Call, name: str = "open_conversation_id") -> Group:
    group = by_cid(call, name)
    if not group.template or group.app != call.app.name:
        raise answers.api("groupPermissionDenied", "应用没有这个群的权限")
    return group


def _done(call: Call, group: Group) -> Reply:
    call.tenant.save_group(group)
    return Reply({"success": True})


async def _update(call: Call) -> Reply:
    group = _own(call)
    title = _title(call.body["title"]) if "title" in call.body else group.name
    owner = str(call.body.get("owner_user_id") or "")
    group.owner = check_owner(call, owner) if owner else group.owner
    group.name = title
    return _done(call, group)


async def _add(call: Call) -> Reply:
    group = _own(call)
    members = list(dict.fromkeys([*group.members, *people(call, call.body.get("user_ids") or [])]))
    if len(members) > MEMBERS_MOST:
        raise answers.api("member.exceed", "群成员超过上限")
    group.members = members
    return _done(call, group)


async def _delete(call: Call) -> Reply:
    group = _own(call)
    gone = people(call, call.body.get("user_ids") or [])
    if group.owner in gone:
        raise answers.api("paramIllegal", "不能移除群主")
    group.members = [user for user in group.members if user not in gone]
    return _done(call, group)


async def _disband(call: Call) -> Reply:
    """Camel case here."""
    group = _own(call, "openConversationId")
    group.disbanded = True
    return _done(call, group)


async def _query(call: Call) -> Reply:
    group = _own(call, "openConversationId")
    return Reply(
        {
            "success": True,
            "openConversationId": group.cid,
            "templateId": group.template,
            "title": group.name,
            "ownerUserId": group.owner,
            "icon": "",
            "groupUrl": "",
            "status": 1,
        }
    )


async def _members(call: Call) -> Reply:
    group = _own(call, "openConversationId")
    return Reply(
        {
            "success": True,
            "memberUserIds": group.members,
            "hasMore": False,
            "nextToken": "",
            "unionIdList": [],
            "staffIdNickMap": {},
        }
    )
