"""Access tokens, three ways to ask for one (dingtalk.md §1.2)."""

from __future__ import annotations

from sandbox.dingtalk import answers, figures, ids
from sandbox.dingtalk.answers import Reply
from sandbox.dingtalk.door import Call, Endpoint
from sandbox.dingtalk.records import App
from sandbox.dingtalk.tenant import Tenant


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("POST", "/v1.0/oauth2/accessToken", _new, token=False, metered=False),
        Endpoint("POST", "/v1.0/oauth2/{corp_id}/token", _oauth, token=False, metered=False),
        Endpoint("GET", "/gettoken", _old, token=False, metered=False),
    ]


def issue(tenant: Tenant, app: App) -> tuple[str, int]:
    """The app's token and its life in seconds; a valid one is returned again, its life renewed."""
    life = figures.whole(tenant.world, "token_seconds")
    now = tenant.world.clock.epoch_ms()
    if not app.access_token or app.token_until_ms <= now:
        app.access_token = ids.hex32()
    app.token_until_ms = now + life * 1000
    tenant.save_app(app)
    return app.access_token, life


def _owner(call: Call, client_id: str, secret: str) -> App | None:
    app = call.tenant.app_by_client(client_id)
    return app if app is not None and app.client_secret == secret else None


async def _new(call: Call) -> Reply:
    app = _owner(call, str(call.body.get("appKey", "")), str(call.body.get("appSecret", "")))
    if app is None:
        raise answers.api("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
    token, life = issue(call.tenant, app)
    return Reply({"accessToken": token, "expireIn": life})


async def _oauth(call: Call) -> Reply:
    if call.request.match_info["corp_id"] != call.tenant.corp_id:
        raise answers.api("unknownError", "未知错误", 500)
    if call.body.get("grant_type") != "client_credentials":
        raise answers.api("unsupported.grant.type", "不支持的grant_type")
    app = _owner(call, str(call.body.get("client_id", "")), str(call.body.get("client_secret", "")))
    if app is None:
        raise answers.api("invalid.client", "无效的client")
    token, life = issue(call.tenant, app)
    return Reply({"access_token": token, "expires_in": life})


async def _old(call: Call) -> Reply:
    key, secret = call.query.get("appkey", ""), call.query.get("appsecret", "")
    if not key or not secret:
        raise answers.old(40035, "缺少参数 corpid or appkey")
    app = _owner(call, key, secret)
    if app is None:
        raise answers.old(40096, "不合法的appKey或appSecret")
    token, life = issue(call.tenant, app)
    return Reply({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": life})
