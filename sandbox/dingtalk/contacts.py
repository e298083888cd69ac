"""Contacts and H5 login of the old API (dingtalk.md §8.1, §9); free of the monthly quota."""

from __future__ import annotations

from typing import Any

from sandbox.dingtalk import answers, ids
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.tenant import Tenant
from sandbox.world import Person

MEMBER = "qyapi_get_member"
MOBILE = "qyapi_get_member_by_mobile"
DEPARTMENT = "qyapi_get_department_list"
ROOT = 1
CODE_SECONDS = 300
ADMIN_ROLE = "管理员"


def endpoints() -> list[Endpoint]:
    listed = [
        ("POST", "/topapi/v2/user/get", _get, MEMBER),
        ("POST", "/topapi/v2/user/getbymobile", _by_mobile, MOBILE),
        ("POST", "/topapi/user/getbyunionid", _by_union_id, MEMBER),
        ("POST", "/topapi/user/listid", _list_ids, MEMBER),
        ("POST", "/topapi/user/listsimple", _list, MEMBER),
        ("POST", "/topapi/v2/user/list", _list, MEMBER),
        ("POST", "/topapi/v2/department/listsub", _departments, DEPARTMENT),
        ("POST", "/topapi/v2/department/listsubid", _department_ids, DEPARTMENT),
        ("GET", "/auth/scopes", _scopes, "qyapi_base"),
        ("POST", "/topapi/v2/user/getuserinfo", _login, "qyapi_base"),
    ]
    return [Endpoint(method, path, handler, scope, metered=False) for method, path, handler, scope in listed]


def is_admin(person: Person) -> bool:
    return person.role == ADMIN_ROLE


def login_code(tenant: Tenant, userid: str) -> str:
    """What JSAPI requestAuthCode gives a page: single use, five minutes."""
    code = ids.hex32()
    until = tenant.world.clock.epoch() + CODE_SECONDS
    tenant.store.put("dingtalk.login", code, {"user": userid, "until": until})
    return code


def _found(person: Person | None) -> Person:
    if person is None:
        raise answers.old(60121, "找不到该用户")
    return person


def _details(person: Person) -> dict[str, Any]:
    return {
        "userid": person.dingtalk,
        "unionid": ids.union_id(person.dingtalk),
        "name": person.name,
        "title": person.role,
        "dept_id_list": [ROOT],
        "active": True,
        "admin": is_admin(person),
        "boss": False,
    }


def _visible(call: Call) -> list[Person]:
    return [person for person in call.tenant.world.people if call.app.sees(person.dingtalk)]


async def _get(call: Call) -> Reply:
    userid = str(call.body.get("userid") or "")
    if not userid:
        raise answers.old(33012, "无效的USERID")
    person = _found(call.tenant.person(userid))
    if not call.app.sees(userid):
        raise answers.old(50002, "请求的员工userid不在授权范围内")
    return answers.old_ok(result=_details(person))


async def _by_mobile(call: Call) -> Reply:
    mobile = str(call.body.get("mobile") or "")
    if len(mobile) != 11 or not mobile.isdigit():
        raise answers.old(40104, "无效的手机号")
    person = _found(next((p for p in call.tenant.world.people if ids.mobile(p.dingtalk) == mobile), None))
    return answers.old_ok(result={"userid": person.dingtalk})


async def _by_union_id(call: Call) -> Reply:
    union_id = str(call.body.get("unionid") or "")
    people = call.tenant.world.people
    person = _found(next((p for p in people if ids.union_id(p.dingtalk) == union_id), None))
    return answers.old_ok(result={"contact_type": 0, "userid": person.dingtalk})


def _check_department(call: Call) -> None:
    if str(call.body.get("dept_id", ROOT)) != str(ROOT):
        raise answers.old(60003, "部门不存在")


async def _list_ids(call: Call) -> Reply:
    _check_department(call)
    return answers.old_ok(result={"userid_list": [person.dingtalk for person in _visible(call)]})


def _whole(call: Call, name: str, default: int) -> int:
    value = str(call.body.get(name, default))
    if not (value.isascii() and value.isdigit()):
        raise answers.old(400002, f"无效的参数 {name}")
    return int(value)


async def _list(call: Call) -> Reply:
    _check_department(call)
    start, size = _whole(call, "cursor", 0), min(_whole(call, "size", 100), 100)
    people = _visible(call)
    page = [_details(person) for person in people[start : start + size]]
    more = start + size < len(people)
    result: dict[str, Any] = {"has_more": more, "list": page}
    return answers.old_ok(result={**result, "next_cursor": start + size} if more else result)


async def _departments(call: Call) -> Reply:
    _check_department(call)
    return answers.old_ok(result=[])


async def _department_ids(call: Call) -> Reply:
    _check_department(call)
    return answers.old_ok(result={"dept_id_list": []})


async def _scopes(call: Call) -> Reply:
    everyone = not call.app.visible
    scopes = {"authed_dept": [ROOT] if everyone else [], "authed_user": call.app.visible}
    return answers.old_ok(auth_user_field=["name", "userid"], auth_org_scopes=scopes)


async def _login(call: Call) -> Reply:
    code = str(call.body.get("code") or "")
    doc = call.tenant.store.get("dingtalk.login", code)
    if doc is None or int(doc["until"]) < call.tenant.world.clock.epoch():
        raise answers.old(40078, "不存在的临时授权码")
    call.tenant.store.delete("dingtalk.login", code)
    person = _found(call.tenant.person(str(doc["user"])))
    result = {
        "userid": person.dingtalk,
        "unionid": ids.union_id(person.dingtalk),
        "name": person.name,
        "sys": is_admin(person),
        "sys_level": 1 if is_admin(person) else 0,
        "device_id": "sandbox",
    }
    return answers.old_ok(result=result)
