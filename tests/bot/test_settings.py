"""The settings file: every fault with its line and the nearest valid key; secrets and overrides."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from bot import places
from bot.data_key import data_key
from bot.missing import nothing_to_serve
from bot.settings import Settings, load, settings_from_text
from bot.settings_errors import SettingsError
from domain.chat import Account
from domain.money import Money
from domain.policy import Policies
from domain.staff import Role

SHIPPED = Path(__file__).parents[2] / "config.yaml"
WECOM = """
chat:
  wecom:
    main: {api_base: "https://x", corp_id: ww1, agent_id: 1000002, secret: s, token: t,
      encoding_aes_key: DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE}
"""


def faults(text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from_text(text, environ=environ)
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server:\n  prot: 80", "第 2 行 server.prot：没有这个设置，是不是 server.port？"),
        ("databse: {}", "第 1 行 databse：没有这个设置，是不是 database？"),
        ("\nport: 5", "第 2 行 port：没有这个设置，是不是 server.port？"),
        ("zzz: 1", "第 1 行 zzz：没有这个设置；这里可以写：cache、chat、"),
        ("server:\n  port: eighty", "第 2 行 server.port：要填整数，现在是 'eighty'"),
        ("server:\n  port: yes", "第 2 行 server.port：要填数字，现在是 true"),
        ("server: {port: 70000}", "第 1 行 server.port：不能大于 65535"),
        ("server: 80", "第 1 行 server：要填一组设置"),
        ("server: {host: 1}", "server.host：要填文本，请给值加上引号，现在是 1"),
        ("server: {public_url: bot.example.com}", "server.public_url：要以 http:// 或 https:// 开头"),
        ("logging:\n  level: loud", "第 2 行 logging.level：不认识 'loud'"),
        ("logging: {format: jsn}", "是不是 json？"),
        ("queue:\n  url: kafka://h", "第 2 行 queue.url：要写成 memory://"),
        ("cache:\n  url: memcached://h", "第 2 行 cache.url：要写成 memory://"),
        ("cache:\n  url: redis://h:x/1", "第 2 行 cache.url：端口是 1 到 65535"),
        ("cache:\n  url: redis://h/one", "第 2 行 cache.url：端口是 1 到 65535 的数字，最后是库的编号"),
        ("database: {url: 'mysql://h'}", "database.url：要写成 sqlite+aiosqlite"),
        ("chat:\n  wecm: {}", "第 2 行 chat.wecm：没有这个设置，是不是 chat.wecom？"),
        ("chat:\n wecom:\n  main:\n   secrt: x", "第 4 行 chat.wecom.main.secrt：没有这个设置，是不是 chat.wecom"),
        ("chat:\n wecom:\n  main:\n   agent_id: x", "第 4 行 chat.wecom.main.agent_id：要填整数，现在是 'x'"),
        ("chat:\n wecom:\n  主应用: {}", "应用名只能用字母"),
        ("chat: {wecom: 5}", "chat.wecom：要填一组设置"),
        ("shops:\n  a:\n    platform: taobo", "第 3 行 shops.a.platform：不认识 'taobo'，是不是 taobao？"),
        ("shops:\n  a: {name: x}", "shops.a.platform：写明平台，可选："),
        ("shops:\n  a: {platform: taobao, regon: x}", "第 2 行 shops.a.regon：没有这个设置，是不是 shops.a.region？"),
        ("staff:\n - {name: 甲, roles: [servce]}", "第 2 行 staff[0].roles[0]：不认识 'servce'，是不是 service？"),
        ("staff:\n - {roles: [admin]}", "第 2 行 staff[0].name：缺少姓名"),
        ("staff:\n - {name: 甲}", "staff[0].roles：至少写一个角色"),
        ("staff: {name: 甲}", "第 1 行 staff：要填列表"),
        ("staff:\n - {name: 甲, roles: [admin], shops: [x]}", "staff[0].shops：不认识 'x'"),
        ("staff:\n - {name: 甲, roles: [admin], acounts: {}}", "acounts：没有这个设置，是不是 staff[0].accounts？"),
        (f"{WECOM}staff: [{{name: 甲, roles: [admin], accounts: {{wecom: 0101}}}}]", "accounts.wecom：要填文本，请给"),
        (f"{WECOM}staff:\n - {{name: 甲, roles: [admin], accounts: {{wecm: a}}}}", "不认识 'wecm'，是不是 wecom？"),
        (f"{WECOM}staff:\n - {{name: 甲, roles: [admin], accounts: {{wecom: old/a}}}}", "chat.wecom 下没有应用 old"),
        ("policies:\n  refund:\n    auto_limit: 1.234", "第 3 行 policies.refund.auto_limit：金额最多 2 位小数"),
        ("policies:\n  refund:\n    auto_limit: yes", "auto_limit：要填金额（元），例如 50 或 129.50，现在是 True"),
        ("policies:\n  refund:\n    auto_limit: -1", "金额不能是负数"),
        ("policies:\n  refund:\n    auto_limt: 1", "是不是 policies.refund.auto_limit？"),
        ("policies: {ship_within_hours: true}", "policies.ship_within_hours：要填数字，现在是 true"),
        ("policies:\n  refund: {approver_roles: [boss]}", "policies.refund.approver_roles[0]：不认识 'boss'"),
        ("policies:\n  refund: {reject_reasons: abc}", "policies.refund.reject_reasons：要填列表"),
        ("policies: {refund: {auto_limit: 5 USD, confirm_above: 10}}", "要和 auto_limit 用同一种货币"),
        ("policies: {version: x}", "policies.version：没有这个设置"),
        ("server:\n  port: 1\n  port: 2", "第 3 行 server.port：写了两次，第 2 行已有"),
        ("server: {port: 1", "YAML 写法有误"),
        ("- a", "第 1 行：整个文件应是一组设置"),
        ("a: &x [*x]", "嵌套太深"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place_and_what_to_write(text: str, words: str) -> None:
    assert words in faults(text)


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    told = faults("server: {prot: 1}\nqueue: {url: x}\nstaff: 5").splitlines()
    assert [line.split()[1] for line in told] == ["1", "2", "3"]


def test_two_people_cannot_share_an_account_or_an_id() -> None:
    text = f"""{WECOM}
staff:
  - {{name: 甲, roles: [admin], accounts: {{wecom: a}}}}
  - {{name: 乙, roles: [admin], accounts: {{wecom: a}}}}
  - {{name: 甲, roles: [admin]}}
"""
    told = faults(text)
    assert "第 9 行 staff[1].accounts.wecom：账号 a 已经是 甲 的" in told
    assert "第 10 行 staff[2]：有两个人叫 甲" in told


def test_a_secret_is_never_shown_in_an_error() -> None:
    assert "12345" not in faults("chat: {wecom: {main: {secret: 12345}}}")


def test_any_key_by_environment_and_its_fault_names_the_variable() -> None:
    text = f"{WECOM}shops: {{tmall-flagship: {{platform: taobao, app_key: a}}}}"
    environ = {
        "QIANSHAO__SERVER__PORT": "9000",
        "QIANSHAO__CHAT__WECOM__MAIN__SECRET": "from env",
        "QIANSHAO__SHOPS__TMALL_FLAGSHIP__REGION": "华东",
        "QIANSHAO__POLICIES__REFUND__APPROVER_ROLES": "[supervisor]",
        "OTHER": "x",
    }
    settings = settings_from_text(text, environ=environ)
    assert settings.server.port == 9000
    assert settings.doors[0].values.secret == "from env"
    assert settings.shops[0].region == "华东"
    assert settings.policies.refund.approver_roles == {Role.SUPERVISOR}
    told = faults("", QIANSHAO__SERVER__PROT="1")
    assert told == "环境变量 QIANSHAO__SERVER__PROT server.prot：没有这个设置，是不是 server.port？"
    assert "放不下" in faults("staff: []", QIANSHAO__STAFF__X="1")


def test_secrets_come_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("from file\n")
    file = tmp_path / "c.yaml"
    file.write_text(
        WECOM.replace("secret: s", "secret: 'pre-${S}'").replace("token: t", "token: 'file:token.txt'")
    )
    values = load(file, {"S": "from env"}).doors[0].values
    assert (values.secret, values.token) == ("pre-from env", "from file")


def test_what_is_missing_is_listed_with_where_to_get_it() -> None:
    text = WECOM.replace("secret: s", "secret: '${NOT_SET}'").replace("token: t", "token: 'file:none'")
    settings = settings_from_text(text, environ={})
    (door,) = settings.doors
    assert door.values is None
    assert not door.untouched
    told = nothing_to_serve(settings.source, settings.missing)
    assert "chat.wecom.main.secret（环境变量 NOT_SET 没有值）" in told
    assert "应用管理 → 自建" in told
    assert "chat.wecom.main.token（文件 none 没有值）" in told


def test_pasted_spaces_around_a_value_are_dropped() -> None:
    assert (
        settings_from_text(WECOM.replace("secret: s", "secret: ' s '"), environ={}).doors[0].values.secret
        == "s"
    )


def test_a_package_may_refuse_its_own_settings() -> None:
    text = "chat: {dingtalk: {main: {api_base: a, oapi_base: b, client_id: c, client_secret: d, mode: x}}}"
    assert "chat.dingtalk.main：mode must be stream or http" in faults(text)


def test_staff_accounts_count_for_every_app_or_for_one() -> None:
    second = WECOM.rstrip() + "\n    second: {api_base: x, corp_id: y}\n"
    text = f"""{second}
staff:
  - {{name: 甲, roles: [主管], accounts: {{wecom: a}}}}
  - {{name: 乙, id: b2, roles: [service], regions: [华东], accounts: {{wecom: second/b}}}}
"""
    people = settings_from_text(text, environ={}).directory
    first = people.by_account(Account("wecom", "second", "a"))
    assert first is not None
    assert first.roles == {Role.SUPERVISOR}
    assert people.by_account(Account("wecom", "main", "b")) is None
    other = people.by_account(Account("wecom", "second", "b"))
    assert other == people.by_id("b2")
    assert people.with_roles(frozenset({Role.SUPERVISOR})) == (first,)


def policies(text: str) -> Policies:
    return settings_from_text(text, environ={}).policies


def test_the_same_rules_have_the_same_version_however_they_are_written() -> None:
    plain = policies("policies: {refund: {auto_limit: 50, confirm_above: 1000}}")
    assert plain.refund.auto_limit == Money(5000)
    assert re.fullmatch(r"[0-9a-f]{8}", plain.version)
    assert policies("").version == plain.version
    assert (
        policies('policies: {refund: {confirm_above: "1,000.00", auto_limit: "50.00"}}').version
        == plain.version
    )
    assert policies("policies: {refund: {approver_roles: [supervisor, finance]}}").version == plain.version
    assert policies("policies: {refund: {auto_limit: 50.01}}").version != plain.version
    assert policies("policies: {ship_within_hours: 47}").version != plain.version


def test_the_public_address_of_the_server_is_that_of_its_apps() -> None:
    settings = settings_from_text(f"server: {{public_url: 'https://bot.example.com'}}{WECOM}", environ={})
    assert settings.doors[0].values.public_url == "https://bot.example.com"


# --- the shipped file ------------------------------------------------------------------------------------


def shipped() -> Settings:
    return load(SHIPPED, {})


def test_the_shipped_file_is_valid_and_says_what_is_missing() -> None:
    settings = shipped()
    assert all(door.untouched for door in settings.doors)
    assert {item.path for item in settings.missing} >= {
        "chat.wecom.main.secret",
        "chat.dingtalk.main.client_id",
    }
    assert settings.policies == dataclasses.replace(Policies(), version=settings.policies.version)


def test_the_shipped_file_names_every_key_and_every_key_has_a_comment() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    written = {match.group(1) for match in re.finditer(r"^[ #-]*([a-z_]+):", text, re.M)}
    kinds: list[type[Any]] = [Policies, type(Policies().refund)]
    kinds += [type(getattr(shipped(), name)) for name in ("server", "database", "queue", "cache", "logging")]
    kinds += [places.door_package(name).settings for name in places.names(places.DOORS)]
    kinds += [places.shop_package(name).settings for name in places.names(places.SHOPS)]
    needed = {field.name for kind in kinds for field in dataclasses.fields(kind)} - {"version"}
    assert needed <= written
    bare = [
        line
        for line in text.splitlines()
        if re.match(r"^\s+#? *[a-z_]+: *[^ {]", line) and " #" not in line.split(":", 1)[1]
    ]
    assert [line for line in bare if not re.search(r"(url|data_key): *\"", line)] == []


# --- the data key ----------------------------------------------------------------------------------------


def test_the_data_key_is_made_once_beside_the_database(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/deep/q.db"
    key = data_key("c", "", url)
    assert len(key) == 32
    assert data_key("c", "", url) == key
    assert (tmp_path / "deep" / "data.key").stat().st_mode & 0o077 == 0
    assert data_key("c", key.hex(), url) == key


@pytest.mark.parametrize("written", ["abc", "zz" * 32, "aGVsbG8="])
def test_a_wrong_data_key_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match=r"security\.data_key：要 32 字节"):
        data_key("c", written, "sqlite+aiosqlite:///x")


def test_postgresql_wants_its_own_data_key() -> None:
    with pytest.raises(SettingsError, match="没有填"):
        data_key("c", "", "postgresql+asyncpg://h/db")


def test_a_damaged_data_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "data.key").write_text("damaged")
    with pytest.raises(SettingsError, match="从备份恢复"):
        data_key("c", "", f"sqlite+aiosqlite:///{tmp_path}/q.db")
