"""Each failure the platform knows is told apart, in both generations; no secret gets into a text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cards.door import Refused, Retry, Unsure
from integrations.chat.dingtalk.answers import ApiError, Kind, read_new, read_old
from integrations.chat.dingtalk.door import door_error
from integrations.chat.dingtalk.redaction import redact

DENIED = "Forbidden.AccessDenied."


def new(status: int, code: str, **extra: Any) -> ApiError:
    body = {"code": code, "requestid": "8F3A0C1E-0000", "message": "说明", **extra}
    with pytest.raises(ApiError) as caught:
        read_new(status, json.dumps(body).encode())
    return caught.value


def old(errcode: int, **extra: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_old(200, json.dumps({"errcode": errcode, "errmsg": "说明", **extra}).encode())
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, f"{DENIED}QpsLimitForAppkeyAndApi", Kind.THROTTLED),
        (403, f"{DENIED}QpsLimitForApi", Kind.THROTTLED),
        (403, f"{DENIED}QpmLimitForAppkeyAndApi", Kind.MINUTE),
        (403, f"{DENIED}ApiCountLimitForOrg", Kind.QUOTA),
        (403, f"{DENIED}AccessTokenPermissionDenied", Kind.SCOPE),
        (403, f"{DENIED}IpNotInWhiteList", Kind.ADDRESS),
        (400, "InvalidAuthentication", Kind.TOKEN),
        (400, "invalidClientIdOrSecret", Kind.CREDENTIALS),
        (401, "authFailed", Kind.CREDENTIALS),
        (429, "system.busy", Kind.BUSY),
        (500, "system.busy", Kind.BUSY),
        (503, "anything", Kind.BUSY),
        (500, "system.error", Kind.LOST),
        (504, "", Kind.LOST),
        (500, "param.callbackRouteKeyExist", Kind.REFUSED),
        (400, "param.templateNotExist", Kind.REFUSED),
        (404, "InvalidAction.NotFound", Kind.REFUSED),
        (200, "param.strange", Kind.REFUSED),
    ],
)
def test_new_api(status: int, code: str, kind: Kind) -> None:
    extra = {"success": False} if status == 200 else {}
    assert new(status, code, **extra).kind is kind


@pytest.mark.parametrize(
    ("errcode", "sub_code", "kind"),
    [
        (88, "90018", Kind.THROTTLED),
        (88, "90002", Kind.THROTTLED),
        (90006, "", Kind.MINUTE),
        (90020, "", Kind.QUOTA),
        (88, "60011", Kind.SCOPE),
        (60020, "", Kind.ADDRESS),
        (88, "40014", Kind.TOKEN),
        (42001, "", Kind.TOKEN),
        (40096, "", Kind.CREDENTIALS),
        (660026, "", Kind.BLOCKED),
        (-1, "", Kind.BUSY),
        (88, "", Kind.BUSY),
        (15, "isp.top-remote-connection-timeout", Kind.LOST),
        (300001, "", Kind.REFUSED),
        (460101, "", Kind.REFUSED),
    ],
)
def test_old_api_hides_errors_in_a_200(errcode: int, sub_code: str, kind: Kind) -> None:
    assert old(errcode, sub_code=sub_code, sub_msg="说明").kind is kind


def test_an_old_error_on_the_new_host_is_seen() -> None:
    with pytest.raises(ApiError) as caught:
        read_new(200, b'{"errcode":404,"errmsg":"no such path"}')
    assert caught.value.kind is Kind.REFUSED


@pytest.mark.parametrize(
    ("status", "raw", "kind"),
    [
        (403, b"<html>punish</html>", Kind.BLOCKED),
        (200, b'{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}', Kind.BLOCKED),
        (502, b"<html>bad gateway</html>", Kind.LOST),
        (503, b"", Kind.BUSY),
        (200, b"", Kind.LOST),
    ],
)
def test_answers_of_gates_and_proxies(status: int, raw: bytes, kind: Kind) -> None:
    for read in (read_new, read_old):
        with pytest.raises(ApiError) as caught:
            read(status, raw)
        assert caught.value.kind is kind


def test_a_missing_permission_names_scope_and_menu() -> None:
    detail = {"requiredScopes": ["Card.Instance.Write"]}
    text = str(new(403, f"{DENIED}AccessTokenPermissionDenied", accessdenieddetail=detail))
    assert "Card.Instance.Write" in text
    assert "权限管理" in text
    assert "qyapi_robot_sendmsg" in str(old(88, sub_code="60011", sub_msg="需要权限点：qyapi_robot_sendmsg"))


@pytest.mark.parametrize(
    ("kind", "door"),
    [
        (Kind.THROTTLED, Retry),
        (Kind.BUSY, Retry),
        (Kind.UNREACHABLE, Retry),
        (Kind.CREDENTIALS, Retry),
        (Kind.ADDRESS, Retry),
        (Kind.LOST, Unsure),
        (Kind.REFUSED, Refused),
        (Kind.SCOPE, Refused),
        (Kind.QUOTA, Refused),
    ],
)
def test_failures_in_the_words_of_the_door(kind: Kind, door: type[Exception]) -> None:
    assert type(door_error(ApiError(kind, "code", "text"))) is door


def test_the_door_knows_when_to_come_back() -> None:
    assert door_error(new(403, f"{DENIED}QpmLimitForAppkeyAndApi")).retry_after == 60
    assert door_error(ApiError(Kind.CREDENTIALS, "c", "t")).retry_after == 300


@pytest.mark.parametrize(
    "text",
    [
        "https://oapi.dingtalk.com/topapi/x?access_token=SECRET&x=1",
        "https://oapi.dingtalk.com/robot/sendBySession?session=SECRET",
        "wss://host/connect?ticket=SECRET'",
        "timestamp=1&sign=SECRET",
        '{"accessToken":"SECRET","expireIn":7200}',
        '{\\"clientSecret\\":\\"SECRET\\"}',
    ],
)
def test_secrets_are_taken_out_of_texts(text: str) -> None:
    assert "SECRET" not in redact(text)
    assert "SECRET" not in str(ApiError(Kind.LOST, "code", text))
