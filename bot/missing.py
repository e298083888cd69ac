"""What still has to be filled in before a door or shop can be used, and where to get it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

_WECOM_APP = "企业微信管理后台 work.weixin.qq.com → 应用管理 → 自建 → 你的应用"
_DINGTALK_APP = "钉钉开放平台 open-dev.dingtalk.com → 应用开发 → 你的应用"
_TAOBAO_APP = "淘宝开放平台 open.taobao.com → 控制台 → 应用管理 → 你的应用"

# A package may say it itself: `field(metadata={"where": "…"})` in its SETTINGS goes before this table.
_WHERE = {
    ("wecom", "corp_id"): "企业微信管理后台 work.weixin.qq.com → 我的企业 → 企业信息 → 企业 ID",
    ("wecom", "agent_id"): f"{_WECOM_APP} → AgentId",
    ("wecom", "secret"): f"{_WECOM_APP} → Secret（发送到手机上的企业微信查看）",
    ("wecom", "token"): f"{_WECOM_APP} → 接收消息 → 设置 API 接收 → Token",
    ("wecom", "encoding_aes_key"): f"{_WECOM_APP} → 接收消息 → 设置 API 接收 → EncodingAESKey（43 位）",
    ("dingtalk", "client_id"): f"{_DINGTALK_APP} → 凭证与基础信息 → Client ID（原 AppKey）",
    ("dingtalk", "client_secret"): f"{_DINGTALK_APP} → 凭证与基础信息 → Client Secret（原 AppSecret）",
    ("dingtalk", "robot_code"): f"{_DINGTALK_APP} → 应用能力 → 机器人 → RobotCode（一般与 Client ID 相同）",
    ("dingtalk", "token"): f"{_DINGTALK_APP} → 事件订阅 → HTTP 推送 → 签名 token",
    ("dingtalk", "aes_key"): f"{_DINGTALK_APP} → 事件订阅 → HTTP 推送 → 加密 aes_key（43 位）",
    ("dingtalk", "encoding_aes_key"): f"{_DINGTALK_APP} → 事件订阅 → HTTP 推送 → 加密 aes_key（43 位）",
    ("taobao", "app_key"): f"{_TAOBAO_APP} → App Key",
    ("taobao", "app_secret"): f"{_TAOBAO_APP} → App Secret",
    ("taobao", "session"): "店铺主账号在授权页同意后得到的 SessionKey（access_token）",
}


@dataclass(frozen=True)
class Missing:
    """One empty setting: `path` the dotted key, `where` how to get it, `waits_for` the variable that is unset."""

    path: str
    where: str
    waits_for: str = ""

    def __str__(self) -> str:
        waits = f"（{self.waits_for} 没有值）" if self.waits_for else ""
        return f"  {self.path}{waits}\n      到哪里取：{self.where}"


def where_to_get(platform: str, name: str, settings: type[Any]) -> str:
    for field in dataclasses.fields(settings):
        if field.name == name and "where" in field.metadata:
            return str(field.metadata["where"])
    return _WHERE.get((platform, name), f"{platform} 的开放平台控制台")


def nothing_to_serve(source: str, missing: tuple[Missing, ...]) -> str:
    """What `serve` says when no chat app is ready."""
    lines = [f"还不能启动：{source} 里没有一个填好的聊天应用。缺的是："]
    lines.extend(str(item) for item in missing)
    if not missing:
        lines.append("  chat.wecom 或 chat.dingtalk 下至少要有一个应用（参照随附的 config.yaml）")
    lines.append("密钥可以写成 ${环境变量} 或 file:路径。只想先看看：python -m bot demo，不用任何配置。")
    return "\n".join(lines)
