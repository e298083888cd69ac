"""Business errors of the WeCom API: HTTP 200 with `errcode` (wecom.md §1.2, §11)."""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any

from aiohttp import web

TEXTS = {
    -1: "system busy",
    40001: "invalid credential",
    40005: "invalid media type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40033: "request contains \\uxxxx characters",
    40039: "url too long",
    40056: "invalid agentid",
    40063: "empty parameter",
    40068: "invalid tagid",
    40094: "missing url",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "missing media_id",
    41009: "missing userid",
    41016: "missing title",
    41033: "missing description",
    42001: "access_token expired",
    42014: "invalid task_id",
    42015: "message of another app",
    42027: "missing keyname",
    42028: "missing url",
    42029: "missing media_id",
    42030: "missing appid",
    42031: "invalid card_type",
    42033: "missing title",
    42035: "invalid horizontal_content_list length",
    42036: "invalid vertical_content_list length",
    42037: "invalid option_list length",
    42038: "invalid button text",
    42039: "invalid button key",
    42040: "invalid option id",
    42041: "invalid option text",
    42042: "invalid jump_list length",
    42043: "invalid question_key",
    42044: "invalid image url",
    42045: "invalid card_action",
    42046: "invalid submit_button key",
    42047: "invalid select_list length",
    42049: "invalid submit_button text",
    42050: "missing userid in horizontal_content_list",
    42051: "action_list key conflict",
    42052: "message too old to recall",
    43001: "require GET method",
    43002: "require POST method",
    43012: "app has no callback url",
    44001: "empty media data",
    44004: "text content is empty",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45007: "voice duration out of limit",
    45008: "article count out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    45034: "url without scheme",
    46003: "menu unconfigured",
    48002: "api forbidden",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    60123: "invalid party id",
    60140: "invalid response_code",
    81013: "user & party & tag all invalid",
    82001: "user & party & tag all empty",
    82002: "too many departments",
    82003: "too many tags",
    82101: "update target empty",
    82102: "update target is not a recipient",
    86001: "invalid chatid",
    86003: "chatid not found",
    86006: "invalid member count",
    86008: "not this app's chat",
    86202: "missing name",
    86204: "missing members",
    86205: "chatid too long",
    86207: "owner not in userlist",
    86215: "chatid already exists",
    86216: "invalid member",
    93000: "invalid webhook url",
    93004: "robot disabled",
    301002: "not allow to access this agent",
}


class WecomError(Exception):
    """A refusal with an errcode; `text` is the errmsg before the common tail."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        self.text = text or TEXTS.get(code, "error")
        super().__init__(f"{code} {self.text}")


class Planted(WecomError):
    """A refusal that somebody planted: no limit was reached."""


def payload(error: WecomError, remote: str) -> dict[str, Any]:
    """The answer with the tail that every WeCom errmsg carries (§1.2)."""
    hint = "".join(random.choices("0123456789", k=25))
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    tail = f", hint: [{hint}], from ip: {remote}, more info at {more}"
    return {"errcode": error.code, "errmsg": error.text + tail}


def answer(body: dict[str, Any]) -> web.Response:
    """JSON with HTTP 200; `Error-Code` and `Error-Msg` headers accompany an error."""
    response = web.json_response(body, dumps=partial(json.dumps, ensure_ascii=False))
    code = body.get("errcode", 0)
    if code:
        response.headers["Error-Code"] = str(code)
        response.headers["Error-Msg"] = body["errmsg"].encode("ascii", "replace").decode().replace("\n", " ")
    return response
