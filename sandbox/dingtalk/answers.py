"""Answers of both API generations and their error shapes (dingtalk.md §1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.dingtalk import ids

Json = dict[str, Any]


@dataclass
class Reply:
    """What goes back over HTTP: a JSON object, or `raw` bytes of `content_type`."""

    body: Json
    status: int = 200
    raw: bytes | None = None
    content_type: str = "application/json;charset=utf-8"


class Refused(Exception):
    """A call the platform turns down; `reply` is the answer in the caller's generation."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply.body))
        self.reply = reply


def api(code: str, message: str = "", status: int = 400, **extra: Any) -> Refused:
    """The new API: a non-2xx status with code, requestid and message."""
    return Refused(
        Reply({"code": code, "requestid": ids.request_id(), "message": message or code, **extra}, status)
    )


def old(errcode: int, errmsg: str, **extra: Any) -> Refused:
    """The old API: HTTP 200 with the error inside."""
    return Refused(Reply({"errcode": errcode, "errmsg": errmsg, "request_id": ids.old_request_id(), **extra}))


def old_gateway(sub_code: str, sub_msg: str) -> Refused:
    """A gateway-level refusal of the old API: errcode 88 with the real code inside."""
    return old(
        88,
        f"ding talk error[subcode={sub_code},submsg={sub_msg}]",
        sub_code=sub_code,
        sub_msg=sub_msg,
    )


def old_ok(**fields: Any) -> Reply:
    return Reply({"errcode": 0, "errmsg": "ok", **fields, "request_id": ids.old_request_id()})


def unknown_api() -> Refused:
    return api(
        "InvalidAction.NotFound",
        "Specified api is not found, please check your url and method.",
        404,
    )


def unknown_old(path: str) -> Refused:
    """`/topapi/…` names an API method; anything else is an address nobody serves."""
    if not path.startswith("/topapi/"):
        return Refused(Reply({"errcode": 404, "errmsg": "请求的URI地址不存在"}))
    name = "dingtalk.oapi." + path.removeprefix("/topapi/").replace("/", ".")
    sub_msg = f"不合法ApiName，ApiName = {name}"
    return old(22, f"Invalid method[submsg={sub_msg}]", sub_msg=sub_msg)
