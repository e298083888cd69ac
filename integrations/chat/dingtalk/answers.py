"""Answers of both API generations: what went wrong, and so what to do about it (dingtalk.md §1.3, §1.4)."""

from __future__ import annotations

import re
from enum import StrEnum

from integrations.chat.dingtalk.payload import Json, object_of, text_of
from integrations.chat.dingtalk.redaction import redact

CONSOLE = "开发者后台 open-dev.dingtalk.com → 应用开发 → 本应用"
DENIED = "Forbidden.AccessDenied."


class Kind(StrEnum):
    """What a failure means for the caller."""

    THROTTLED = "throttled"  # this second is full; nothing was done
    MINUTE = "minute"  # this minute is full
    BLOCKED = "blocked"  # sent away for minutes
    QUOTA = "quota"  # the month is used up
    SCOPE = "scope"  # a permission is missing
    ADDRESS = "address"  # our address is not on the allow-list
    TOKEN = "token"  # noqa: S105 - a kind of failure: the access token is no longer good
    CREDENTIALS = "credentials"  # Client ID or Client Secret is wrong
    BUSY = "busy"  # try again; nothing was done
    UNREACHABLE = "unreachable"  # no connection; nothing was sent
    LOST = "lost"  # it may or may not have been done
    REFUSED = "refused"  # the platform understood and said no


class ApiError(Exception):
    """A call failed. `code` is the platform's own; `retry_after` seconds when a time is known."""

    def __init__(self, kind: Kind, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(redact(f"{code}: {message}" if code else message))
        self.kind = kind
        self.code = code
        self.retry_after = retry_after


_WAITS = {Kind.THROTTLED: 1.0, Kind.MINUTE: 60.0, Kind.BLOCKED: 600.0, Kind.BUSY: 2.0}

_NEW_CODES = {
    "InvalidAuthentication": Kind.TOKEN,
    "AuthenticationFailed.MissingParameter": Kind.TOKEN,
    "invalidClientIdOrSecret": Kind.CREDENTIALS,
    "invalid.client": Kind.CREDENTIALS,
    "unauthorized.client": Kind.CREDENTIALS,
    "authFailed": Kind.CREDENTIALS,
    "send.too.fast": Kind.MINUTE,
    "send.byToken.tooFast": Kind.MINUTE,
    "system.busy": Kind.BUSY,
}
# Throttling and permission share the status 403: only the code tells them apart (dingtalk.md §10 row 17).
_DENIALS = (
    ("Qps", Kind.THROTTLED),
    ("Qpm", Kind.MINUTE),
    ("ApiCountLimit", Kind.QUOTA),
    ("AccessTokenPermissionDenied", Kind.SCOPE),
    ("IpNotInWhiteList", Kind.ADDRESS),
)
_OLD_CODES = {
    "90018": Kind.THROTTLED,
    "90002": Kind.THROTTLED,
    "90005": Kind.MINUTE,
    "90006": Kind.MINUTE,
    "90020": Kind.QUOTA,
    "60011": Kind.SCOPE,
    "60020": Kind.ADDRESS,
    "40014": Kind.TOKEN,
    "40001": Kind.TOKEN,
    "42001": Kind.TOKEN,
    "40000": Kind.TOKEN,
    "41001": Kind.TOKEN,
    "40096": Kind.CREDENTIALS,
    "40089": Kind.CREDENTIALS,
    "660026": Kind.BLOCKED,
    "410100": Kind.BLOCKED,
    "130101": Kind.BLOCKED,
    "1111": Kind.BLOCKED,
    "-1": Kind.BUSY,
    "88": Kind.BUSY,  # a gateway refusal without a sub_code
    "15": Kind.LOST,
}


def read_new(status: int, raw: bytes) -> Json:
    """The body of a new-API answer, or ApiError."""
    found = object_of(raw)
    if "errcode" in found or ("punish" in found and "status" in found):
        return read_old(status, raw)
    if 200 <= status < 300 and found and found.get("success") is not False:
        return found
    if not found:
        raise _unreadable(status)
    code = text_of(found.get("code")) or ("success=false" if status < 300 else f"HTTP {status}")
    raise _error(_new_kind(status, code), code, text_of(found.get("message")), found)


def read_old(status: int, raw: bytes) -> Json:
    """The body of an old-API answer, where an error hides inside a 200, or ApiError."""
    found = object_of(raw)
    if not found:
        raise _unreadable(status)
    code = text_of(found["errcode"]) if "errcode" in found else text_of(found.get("status"))
    if code == "0":
        return found
    if code == "88" and found.get("sub_code"):
        code = text_of(found["sub_code"])
    kind = _OLD_CODES.get(code) or (Kind.LOST if status >= 500 else Kind.REFUSED)
    raise _error(kind, code, text_of(found.get("sub_msg") or found.get("errmsg")), found)


def _new_kind(status: int, code: str) -> Kind:
    denial = code.removeprefix(DENIED)
    for start, kind in _DENIALS:
        if code.startswith(DENIED) and denial.startswith(start):
            return kind
    if code in _NEW_CODES:
        return _NEW_CODES[code]
    if status in {429, 503}:
        return Kind.BUSY
    if status >= 500 and not code.startswith(("param.", "invalid")):
        return Kind.LOST
    return Kind.REFUSED


def _unreadable(status: int) -> ApiError:
    """HTML of a proxy or of the flood gate: below 500 nothing was done."""
    if status in {429, 503}:
        return ApiError(Kind.BUSY, f"HTTP {status}", "busy", _WAITS[Kind.BUSY])
    if status >= 500 or 200 <= status < 300:
        return ApiError(Kind.LOST, f"HTTP {status}", "the answer is not JSON")
    return ApiError(Kind.BLOCKED, f"HTTP {status}", "the answer is not JSON", 300.0)


def _error(kind: Kind, code: str, message: str, found: Json) -> ApiError:
    if kind is Kind.SCOPE:
        scopes = "、".join(scopes_of(found)) or "见错误信息"
        message = f"缺少权限 {scopes}：请到 {CONSOLE} → 权限管理 申请，几分钟后生效（{message}）"
    elif kind is Kind.ADDRESS:
        message = f"出口 IP 不在白名单：请到 {CONSOLE} → 安全设置 清空或补上本机出口 IP（{message}）"
    elif kind is Kind.QUOTA:
        message = f"本月调用量或消息量已用完：请管理员购买加量包，或等下月恢复（{message}）"
    elif kind is Kind.CREDENTIALS:
        message = f"Client ID 或 Client Secret 不对：请到 {CONSOLE} → 凭证与基础信息 重新复制（{message}）"
    return ApiError(kind, code, message, _WAITS.get(kind))


def scopes_of(found: Json) -> list[str]:
    """The permissions a refusal names, in either generation."""
    detail = found.get("accessdenieddetail") or found.get("accessDeniedDetail")
    listed = object_of(detail).get("requiredScopes")
    if isinstance(listed, list):
        return [text_of(scope) for scope in listed]
    named: list[str] = re.findall(r"\b(?:qyapi_\w+|[A-Z]\w+\.\w+\.\w+)", text_of(found.get("sub_msg")))
    return named
