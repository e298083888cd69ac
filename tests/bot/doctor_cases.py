"""What can be wrong with an installation, and the lines of `doctor` that must tell of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import unused_port

from bot.settings import Settings
from domain.chat import Account
from domain.staff import Role, Staff
from sandbox.faults import Fault
from tests.office import Office


def with_door(settings: Settings, platform: str, **changes: Any) -> Settings:
    doors = tuple(
        replace(door, values=replace(door.values, **changes)) if door.platform == platform else door
        for door in settings.doors
    )
    return replace(settings, doors=doors)


def with_shop(settings: Settings, **changes: Any) -> Settings:
    """The first Taobao shop with other values."""
    chosen = next(shop for shop in settings.shops if shop.platform == "taobao")
    changed = replace(chosen, values=replace(chosen.values, **changes))
    return replace(settings, shops=tuple(changed if shop is chosen else shop for shop in settings.shops))


def with_staff(settings: Settings, *people: Staff) -> Settings:
    return replace(settings, directory=type(settings.directory)(people))


def plant(office: Office, system: str, kind: str, **args: str) -> Settings:
    office.sandbox.world.faults.plant(Fault(system, kind, rate=1.0, args=args))
    return office.desk.settings


def switch(office: Office, name: str, value: str) -> Settings:
    office.sandbox.world.switches[name] = value
    return office.desk.settings


async def console(office: Office, platform: str, form: dict[str, Any]) -> Settings:
    """Somebody changes the app in the platform's console."""
    await office.post(f"/apps/{platform}/main", form)
    return office.desk.settings


def server(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, server=replace(settings.server, **changes))


def person(name: str, *roles: Role, wecom: str = "", dingtalk: str = "") -> Staff:
    accounts = [Account("wecom", "main", wecom)] if wecom else []
    accounts += [Account("dingtalk", "main", dingtalk)] if dingtalk else []
    return Staff(name, name, frozenset(roles), accounts=tuple(accounts))


def stale_database(office: Office, folder: Path) -> Settings:
    """Tables of an older version, and no data key beside them."""
    (folder / "old").mkdir()
    file = folder / "old" / "qianshao.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0000')")
    connection.close()
    settings = office.desk.settings
    return replace(settings, database=replace(settings.database, url=f"sqlite+aiosqlite:///{file}"))


@dataclass(frozen=True)
class Case:
    """What is broken, and what the report must say: each line holds all its words."""

    name: str
    arrange: Callable[[Office, Path], Settings | Awaitable[Settings]]
    lines: tuple[tuple[str, ...], ...]


CASES = (
    Case(
        "wecom secret",
        lambda o, _: with_door(o.desk.settings, "wecom", secret="wrong" * 8),
        (
            ("✘ access token", "40001", "secret 不对", "管理后台 → 应用管理 → 自建应用 → Secret"),
            ("! 出口 IP", "先解决 access token"),
            ("! 可见范围", "先解决 access token"),
            ("✔ 回调地址",),
        ),
    ),
    Case(
        "wecom corp id",
        lambda o, _: with_door(o.desk.settings, "wecom", corp_id="ww0000000000000000"),
        (("✘ access token", "40013", "我的企业 → 企业ID"), ("✘ 回调地址", "corp_id", "重启 serve")),
    ),
    Case(
        "wecom address not in the allow-list",
        lambda o, _: switch(o, "wecom.ip_allowlist", "203.0.113.7"),
        (
            ("✔ access token",),
            ("✘ 出口 IP", "60020", " 127.0.0.1 ", "应用管理 → 自建应用 → 企业可信IP", "先在", "保存回调地址"),
            ("! AgentId", "先解决出口 IP"),
        ),
    ),
    Case(
        "wecom agent id",
        lambda o, _: with_door(o.desk.settings, "wecom", agent_id=1),
        (("✘ AgentId", "301002", "核对设置 agent_id"),),
    ),
    Case(
        "wecom visible scope",
        lambda o, _: console(
            o, "wecom", {"scope": ["linxiaoman", "qianjin", "zhouquan", "sunzhang", "wuwei"]}
        ),
        (("✘ 可见范围", "赵仓（zhaocang）", "应用管理 → 自建应用 → 可见范围"),),
    ),
    Case(
        "wecom account that nobody has",
        lambda o, _: with_staff(o.desk.settings, person("林小满", Role.SUPERVISOR, wecom="lin.xm")),
        (
            ("✘ 可见范围", "林小满（lin.xm）", "管理后台 → 通讯录"),
            ("! 审批人", "林小满 提出的退款没有别人能批"),
        ),
    ),
    Case(
        "wecom token differs from the running server's",
        lambda o, _: with_door(o.desk.settings, "wecom", token="Another1"),
        (("✘ 回调地址", "拒绝了签名", "重启 serve"),),
    ),
    Case(
        "dingtalk secret",
        lambda o, _: with_door(o.desk.settings, "dingtalk", client_secret="wrong" * 8),
        (
            ("✘ access token", "Client Secret", "open-dev.dingtalk.com", "凭证与基础信息"),
            ("✘ Stream 连接", "authFailed"),
            ("! 卡片模板", "先解决 access token"),
        ),
    ),
    Case(
        "dingtalk template missing",
        lambda o, _: plant(o, "dingtalk", "template_missing"),
        (("✘ 卡片模板", "param.templateNotExist", "open-dev.dingtalk.com/fe/card", "card_template_id"),),
    ),
    Case(
        "dingtalk own template missing",
        lambda o, _: with_door(o.desk.settings, "dingtalk", card_template_id="nobody-has-it.schema"),
        (("✘ 卡片模板", "自有卡片模板不可用", "公共卡片模板可用", "open-dev.dingtalk.com/fe/card"),),
    ),
    Case(
        "dingtalk permissions",
        lambda o, _: console(o, "dingtalk", {"scopes": ["qyapi_base", "Card.Instance.Write"]}),
        (
            ("✘ 权限", "qyapi_robot_sendmsg", "open-dev.dingtalk.com", "权限管理"),
            ("! 可见范围", "qyapi_get_member", "权限管理"),
            ("✔ 卡片模板",),
        ),
    ),
    Case(
        "dingtalk account that nobody has",
        lambda o, _: with_staff(o.desk.settings, person("钱进", Role.FINANCE, dingtalk="9999")),
        (("✘ 可见范围", "没有账号 钱进（9999）", "通讯录"), ("! 可见范围", "没有人用这个应用")),
    ),
    Case(
        "dingtalk in http mode, the server not restarted",
        lambda o, _: with_door(o.desk.settings, "dingtalk", mode="http", encoding_aes_key="short"),
        (("✘ HTTP 回调", "HTTP 404", "重启 serve"), ("✘ 事件密钥", "43 位", "事件订阅")),
    ),
    Case(
        "shop secret",
        lambda o, _: with_shop(o.desk.settings, app_secret="wrong" * 8),
        (("✘ 接口调用", "签名无效", "shops.tmall-flagship.app_secret"),),
    ),
    Case(
        "shop session over",
        lambda o, _: plant(o, "taobao", "token_revoked"),
        (("✘ 接口调用", "授权已失效", "shops.tmall-flagship.session", "SessionKey"),),
    ),
    Case(
        "public address without a server behind it",
        lambda o, _: server(o.desk.settings, public_url=f"http://127.0.0.1:{unused_port()}"),
        (
            ("✘ 可达", "到不了", "服务在运行", "反向代理"),
            ("✘ 回调地址", "到不了", "服务在运行"),
        ),
    ),
    Case(
        "server not running",
        lambda o, _: server(
            o.desk.settings, public_url=f"http://127.0.0.1:{unused_port()}", port=unused_port()
        ),
        (("✘ 可达", "没有服务在运行", "python -m bot serve"), ("✘ 回调地址", "python -m bot serve")),
    ),
    Case(
        "public address that is no name",
        lambda o, _: server(o.desk.settings, public_url="https://nobody.invalid"),
        (("✘ 域名解析", "nobody.invalid", "A 记录"),),
    ),
    Case(
        "public address not filled in",
        lambda o, _: server(o.desk.settings, public_url=""),
        (("✘ 公网地址", "wecom.main 收不到消息"), ("✘ 回调地址", "server.public_url", "设置API接收")),
    ),
    Case(
        "database behind, its key lost",
        stale_database,
        (("✘ 表的版本", "0000", "python -m bot db upgrade"), ("✘ 数据密钥", "data.key 不见了", "备份")),
    ),
    Case(
        "database of another key",
        lambda o, _: replace(o.desk.settings, security=replace(o.desk.settings.security, data_key="ab" * 32)),
        (("✘ 写入和密钥", "另一把密钥", "备份"),),
    ),
    Case(
        "nobody approves",
        lambda o, _: with_staff(o.desk.settings, person("林小满", Role.SERVICE, wecom="linxiaoman")),
        (("✘ 审批人", "没有人能审批退款", "finance、supervisor"),),
    ),
)
