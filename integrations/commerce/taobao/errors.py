"""TOP refusals as the desk's shop errors (platforms.md §1.3, §3.1), with words that say what to do."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from domain.ports import (
    AuthExpired,
    NotFound,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    ShopError,
    Throttled,
)

_BAN = re.compile(r"last for (\d+) more second")
_ABSENT = re.compile(r"not[-_]?(exist|found)")
_THROTTLED = frozenset({4, 5, 6, 7, 8})
_ADVICE = {
    25: "淘宝说签名无效：请核对 shops.{shop}.app_secret",
    24: "淘宝说签名无效：请核对 shops.{shop}.app_secret",
    28: "淘宝说 AppKey 无效：请核对 shops.{shop}.app_key",
    29: "淘宝说 AppKey 无效：请核对 shops.{shop}.app_key",
    11: "淘宝应用没有 {method} 的权限：请在淘宝开放平台控制台申请",
    12: "店铺没有给应用 {method} 的权限：请店主重新授权",
    13: "淘宝应用没有 {method} 的权限：请在淘宝开放平台控制台申请",
}


class ClockSkew(RemoteTemporary):
    """Our clock and the platform's are more than ten minutes apart. Nothing was done."""


def classify(error: Mapping[str, Any], shop: str, method: str) -> ShopError:
    """The error for one `error_response`."""
    code = _number(error.get("code"))
    sub_code, sub_msg = str(error.get("sub_code") or ""), str(error.get("sub_msg") or "")
    if code in _THROTTLED and not sub_code.startswith("isv."):
        return _throttled(sub_msg)
    if code in (26, 27) or "sessionkey" in sub_code:
        return AuthExpired(
            f"淘宝店铺 {shop} 的授权已失效：请店主重新授权，把新的 session 写进 shops.{shop}.session"
        )
    if code in (30, 31):
        return ClockSkew("本机时间与淘宝相差超过 10 分钟：请校准服务器时间")
    if code in _ADVICE:
        return PermissionMissing(_ADVICE[code].format(shop=shop, method=method))
    if code == 10 or sub_code.startswith("isp."):
        return RemoteTemporary(f"淘宝服务暂时不可用（{sub_code or code}），稍后自动重试")
    said = sub_msg or str(error.get("msg") or f"错误 {code}")
    if _ABSENT.search(sub_code):
        return NotFound(f"淘宝没有这条记录：{said}")
    return Rejected(f"淘宝拒绝：{said}（{sub_code or code}）")


def _number(code: object) -> int:
    try:
        return int(str(code))
    except ValueError:
        return 0


def _throttled(sub_msg: str) -> Throttled:
    found = _BAN.search(sub_msg)
    seconds = int(found.group(1)) if found else 1
    if seconds <= 60:
        return Throttled(f"淘宝限流，{seconds} 秒后再试", seconds)
    hours = math.ceil(seconds / 3600)
    return Throttled(f"淘宝今天的调用次数已用完，约 {hours} 小时后恢复；可在控制台提高额度", seconds)
