"""What each errcode means for us (wecom.md §1.2, §11): refresh, wait, or a refusal that says what to do."""

from __future__ import annotations

import re

from cards.door import Refused, Retry

REFRESH = frozenset({40014, 42001, 40001})  # token expired or withdrawn: all three occur for plain expiry
BUSY = frozenset({-1, 45033, 6000})
LIMITED = 45009

_CONSOLE = "管理后台 → 应用管理 → 自建应用"
_INSTALLER = {
    40001: "secret 不对。请在{console} → Secret 里重新查看并填到设置 secret",
    40013: "corp_id 不对（区分大小写）。请在管理后台 → 我的企业 → 企业ID 里复制到设置 corp_id",
    40056: "agent_id 不对。请在{console} 里查看 AgentId 并填到设置 agent_id",
    40091: "secret 属于别的企业。请核对设置 corp_id 和 secret",
    43012: "应用还没有设置接收消息的 URL。请在{console} → 接收消息 → 设置API接收 里填好并保存",
    48001: "应用没有这个接口的权限。请在{console} 里检查权限",
    48002: "应用没有这个接口的权限。请在{console} 里检查权限和可见范围",
    48006: "接口权限因长期不用被收回。请管理员在{console} 里重新启用",
    48009: "通讯录同步的接口受 IP 限制。请改用应用的 secret",
    50001: "登录域名不在可信域名里。请在{console} → 网页授权及JS-SDK 里设置",
    50002: "成员不在应用的可见范围内。请在{console} → 可见范围 里加上此人",
    50003: "应用已被停用。请管理员在{console} 里启用",
    60011: "应用没有这位成员或部门的权限。请在{console} → 可见范围 里加上",
    60020: "服务器的出口 IP{ip} 不在企业可信IP里。请在{console} → 企业可信IP 里加上，约 1 分钟后生效",
    60021: "成员不在应用的可见范围内。请在{console} → 可见范围 里加上此人",
    80001: "可信域名不对或未备案。请在{console} → 网页授权及JS-SDK 里检查",
    81013: "收件人都无效或不在应用的可见范围内。请在{console} → 可见范围 里加上此人",
    85005: "应用的可信域名未验证。请在{console} → 网页授权及JS-SDK 里完成验证",
    301002: "agent_id 与 secret 不是同一个应用。请核对设置 agent_id 和 secret",
    301042: "服务器的出口 IP{ip} 不在企业可信IP里。请在{console} → 企业可信IP 里加上，约 1 分钟后生效",
}
_ADDRESS = re.compile(r"from ip: ([0-9a-fA-F.:]+[0-9a-fA-F])")
_HINT = re.compile(r"hint: \[([^\]]{1,64})\]")
_NOT_IN_SCOPE = frozenset({50002, 60011, 60021, 81013})  # of this recipient; others can be reached
MEND_SECONDS = 300.0
KEPT_CHARS = 120  # of errmsg


class Busy(Retry):
    """The platform is busy for a moment: the same call may be repeated at once, a few times."""


class ApiRefused(Refused):
    """errcode says no. `tries` counts how often this call was put, the refused one included."""

    def __init__(self, message: str, *, code: str, tries: int = 1) -> None:
        super().__init__(message, code=code)
        self.tries = tries


class Misconfigured(Retry):
    """A setting or the admin console must be changed; the message names it.

    What waits is kept and tried again now and then: nothing is lost while somebody mends a secret.
    """

    def __init__(self, message: str, *, code: str, tries: int = 1) -> None:
        super().__init__(message, code=code, retry_after=MEND_SECONDS)
        self.tries = tries


def judge(answer: dict[str, object], *, tries: int = 1) -> None:
    """Raise what this answer means; 45009 and the token codes are the caller's. Only the code decides."""
    code = answer.get("errcode", 0)
    if not code:
        return
    errmsg = str(answer.get("errmsg", ""))
    if code in BUSY:
        raise Busy(f"企业微信忙（{code}），稍后重试", code=str(code), retry_after=5.0)
    if code in _NOT_IN_SCOPE:
        raise ApiRefused(advice(int(str(code)), errmsg), code=str(code), tries=tries)
    if code in _INSTALLER:
        raise Misconfigured(advice(int(str(code)), errmsg), code=str(code), tries=tries)
    raise ApiRefused(f"企业微信拒绝（{code}）：{errmsg[:KEPT_CHARS]}", code=str(code), tries=tries)


def advice(code: int, errmsg: str) -> str:
    """What the installer should do, with the address and the hint the platform named."""
    address = _ADDRESS.search(errmsg)
    hint = _HINT.search(errmsg)
    text = _INSTALLER[code].format(console=_CONSOLE, ip=f" {address[1]}" if address else "")
    return f"企业微信拒绝（{code}）：{text}" + (f"（查询码 {hint[1]}）" if hint else "")
