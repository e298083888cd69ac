"""Shopify's refusals as the desk's shop errors (platforms.md §1.3, §4.4), with words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.ports import (
    AuthExpired,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    RemoteUnknown,
    ShopError,
    Throttled,
)
from integrations.commerce.shopify.pacing import Cost

_BY_STATUS = {
    402: "Shopify 店铺 {shop} 因欠费被冻结：请店主在 Shopify 后台缴费",
    403: "Shopify 不让应用访问店铺 {shop}：请店主检查应用是否仍安装、权限是否齐全",
    404: "Shopify 没有这个地址：请核对 shops.{shop}.api_base 和 api_version",
    423: "Shopify 店铺 {shop} 被锁定：请店主联系 Shopify",
}
_DOWN = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})


def by_status(status: int, retry_after: str, shop: str, *, once: bool) -> ShopError | None:
    """The error an HTTP status means by itself; None when the body has to be read."""
    if status == 200:
        return None
    if status == 429:
        seconds = _seconds(retry_after)
        return Throttled(f"Shopify 限流，{seconds:g} 秒后再试", seconds)
    if status == 401:
        return AuthExpired(
            f"Shopify 店铺 {shop} 的访问令牌无效：请在 Shopify 后台重新生成，写进 shops.{shop}.access_token"
        )
    if status in _BY_STATUS:
        return PermissionMissing(_BY_STATUS[status].format(shop=shop))
    if status >= 500:
        return in_doubt(f"Shopify 服务出错（HTTP {status}）", once=once)
    if 300 <= status < 400:
        return PermissionMissing(
            f"Shopify 要求换地址：请把 shops.{shop}.api_base 改成店铺的 myshopify.com 地址"
        )
    return Rejected(f"Shopify 拒绝了请求（HTTP {status}）")


def by_errors(errors: list[Any], cost: Cost, shop: str, *, once: bool) -> ShopError:
    """The error for a GraphQL answer with `errors` (HTTP 200)."""
    first = next((error for error in errors if isinstance(error, Mapping)), {})
    code, message = _code(first), str(first.get("message") or "没有说明")
    if code == "THROTTLED":
        seconds = cost.wait_seconds()
        return Throttled(f"Shopify 查询点数用完，{seconds:.1f} 秒后再试", seconds)
    if code == "ACCESS_DENIED":
        return PermissionMissing(
            f"Shopify 应用缺少权限（{message[:200]}）：请在 Shopify 后台给应用加上这个权限，"
            f"客户资料没有批准时可设 shops.{shop}.customer_data: false"
        )
    if code == "SHOP_INACTIVE":
        return PermissionMissing(f"Shopify 店铺 {shop} 已停用：请店主登录后台查看")
    if code in _DOWN:
        return in_doubt(f"Shopify 服务暂时不可用（{code}）", once=once)
    if "IDEMPOTENCY_CONCURRENT" in code:
        return RemoteUnknown("Shopify 正在处理同一笔请求，等它有结果再核对")
    return Rejected(f"Shopify 拒绝：{message[:300]}（{code or '无错误码'}）")


def in_doubt(message: str, *, once: bool) -> ShopError:
    """The far side may or may not have acted."""
    return RemoteUnknown(f"{message}，结果未知") if once else RemoteTemporary(message)


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    return str(extensions.get("code") or "") if isinstance(extensions, Mapping) else ""


def _seconds(retry_after: str) -> float:
    try:
        return max(0.1, float(retry_after))
    except ValueError:
        return 2.0
