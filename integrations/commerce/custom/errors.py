"""HTTP answers of the other side as the desk's shop errors, with words that say what to do."""

from __future__ import annotations

from domain.ports import (
    AuthExpired,
    NotFound,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    ShopError,
    Throttled,
)

_LONGEST = 200  # characters of the other side's own words that are shown


class ClockSkew(RemoteTemporary):
    """Our clock and theirs are too far apart for a signature. Nothing was done."""


def by_status(status: int, retry_after: str, said: str, shop: str) -> ShopError | None:
    """The error this status means; None when the body is the answer."""
    if 200 <= status < 300:
        return None
    if status == 429:
        seconds = _seconds(retry_after)
        return Throttled(f"店铺 {shop} 的系统限流，{seconds:g} 秒后再试", seconds)
    if status == 401:
        return AuthExpired(f"店铺 {shop} 的系统不认签名：请核对 shops.{shop}.secret，双方要填同一个")
    if status == 403:
        return PermissionMissing(f"店铺 {shop} 的系统不让读订单：请对方开放 shops.{shop}.api_base 的权限")
    if status == 404:
        return NotFound(f"店铺 {shop} 没有这张订单")
    if 300 <= status < 400:
        return PermissionMissing(f"店铺 {shop} 的地址变了：请把新地址写进 shops.{shop}.api_base")
    if status >= 500:
        return RemoteTemporary(f"店铺 {shop} 的系统出错（HTTP {status}），稍后自动重试")
    return Rejected(f"店铺 {shop} 的系统拒绝：{said[:_LONGEST] or f'HTTP {status}'}")


def _seconds(retry_after: str) -> float:
    try:
        return min(3600.0, max(0.1, float(retry_after)))
    except ValueError:
        return 2.0
