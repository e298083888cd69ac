"""`doctor` beside a running desk and a sandbox that enforces the real protocols."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot import places
from bot.commands.doctor import report
from bot.doctor.checks.clock import judge_skew
from bot.doctor.checks.database import judge_room
from bot.doctor.exam import Exam, secrets_of
from bot.doctor.rounds import examine
from bot.doctor.verdict import Check, Mark, Verdicts, good
from bot.settings import Settings, settings_from_text
from domain.clock import ManualClock
from tests.bot.doctor_cases import CASES, Case, plant, with_door
from tests.office import Office, open_office

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as opened:
        yield opened


async def run(
    capsys: pytest.CaptureFixture[str], settings: Settings, **more: Any
) -> tuple[int, list[str], str]:
    code = await report(settings, **more)
    text = capsys.readouterr().out
    return code, [line.strip() for line in text.splitlines()], text


async def test_all_good(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = await run(capsys, office.desk.settings)
    assert code == 0
    assert not [line for line in lines if line.startswith("✘")]
    # on this machine alone these two can only be noted
    assert [line.split("：")[0] for line in lines if line.startswith("!")] == ["! 公网地址", "! 域名解析"]
    assert lines[-1].startswith("可以用了")


async def test_groups_come_in_a_fixed_order(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, text = await run(capsys, office.desk.settings)
    headings = [line for line in text.splitlines()[:-1] if not line.startswith(" ")]
    shops = [f"店铺 {shop.code}" for shop in office.desk.settings.shops]
    accounts = [f"支付 {account.account}" for account in office.desk.settings.payments]
    rest = ["同步", "额度", "网络", "时钟"]
    assert headings == [
        "设置",
        "数据库",
        "运行状态",
        "队列",
        "任务",
        "企业微信 main",
        "钉钉 main",
        *shops,
        *accounts,
        *rest,
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_trouble_is_told(
    case: Case, office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arranged = case.arrange(office, tmp_path)
    settings = arranged if isinstance(arranged, Settings) else await arranged
    code, lines, text = await run(capsys, settings)
    assert code == 1
    for words in case.lines:
        assert [line for line in lines if line.startswith(words[0]) and all(w in line for w in words)], (
            words,
            text,
        )
    for secret in {*secrets_of(settings), *secrets_of(office.desk.settings)}:
        assert secret not in text


async def test_a_clock_ten_minutes_ahead(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock(office.desk.clock.now() + timedelta(minutes=10))
    code, lines, _ = await run(capsys, office.desk.settings, clock=clock)
    assert code == 1
    told = [line for line in lines if line.startswith("✘ 本机时间")]
    assert [line for line in told if "比企业微信快" in line and "timedatectl set-ntp true" in line]
    assert [line for line in told if "比钉钉快" in line]
    assert [line for line in told if "比店铺 tmall-flagship快" in line]


@pytest.mark.parametrize(
    ("seconds", "mark"),
    [(0, Mark.GOOD), (-30, Mark.GOOD), (31, Mark.NOTE), (-301, Mark.BAD), (301, Mark.BAD)],
)
def test_skew_is_weighed(seconds: int, mark: Mark) -> None:
    verdict = judge_skew("钉钉", timedelta(seconds=seconds))
    assert verdict.mark is mark
    assert ("慢" in verdict.text) == (seconds < -30)


@pytest.mark.parametrize(("mib", "mark"), [(99, Mark.BAD), (101, Mark.NOTE), (1025, Mark.GOOD)])
def test_room_is_weighed(mib: int, mark: Mark) -> None:
    assert judge_room(mib * 1024 * 1024).mark is mark


async def test_dingtalk_address_not_in_the_allow_list(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    """As dingtalk.md §1.3 states the refusal; the token is given, everything after it refused."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/accessToken"):
            return web.json_response({"accessToken": "t" * 32, "expireIn": 7200})
        if request.path.startswith("/v1.0/"):
            body = {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "requestid": "A", "message": "ip"}
            return web.json_response(body, status=403)
        return web.json_response(
            {"errcode": 60020, "errmsg": "访问ip不在白名单之中,request ip=203.0.113.9 appKey(d)"}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as gate:
        base = str(gate.make_url("")).rstrip("/")
        settings = with_door(office.desk.settings, "dingtalk", api_base=base, oapi_base=base)
        code, lines, _ = await run(capsys, settings)
    assert code == 1
    told = [line for line in lines if "出口 IP 不在白名单" in line and "→ 安全设置" in line]
    assert {line.split("：")[0] for line in told} >= {"✘ 权限", "✘ 卡片模板", "✘ 可见范围"}
    assert len([line for line in told if "203.0.113.9" in line]) == 1  # everybody's trouble is told once


async def test_http_mode_reached(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """The server refuses what is not signed: that is how doctor knows it got there."""
    settings = with_door(office.desk.settings, "dingtalk", mode="http")
    door: Any = office.desk.doors["dingtalk", "main"]
    door.settings = replace(door.settings, mode="http")
    _, lines, _ = await run(capsys, settings)
    public = settings.server.public_url
    assert [
        line
        for line in lines
        if line.startswith("✔ HTTP 回调") and f"{public}/callback/dingtalk/main/event" in line
    ]
    assert not [line for line in lines if "Stream 连接" in line]


async def test_looking_makes_no_database(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "qianshao.db"
    settings = office.desk.settings
    settings = replace(settings, database=replace(settings.database, url=f"sqlite+aiosqlite:///{file}"))
    code, lines, _ = await run(capsys, settings)
    assert code == 0
    assert [line for line in lines if line.startswith("! 连接") and "还没有" in line]
    assert not file.parent.exists()


async def test_a_slow_answer_hides_no_other(office: Office) -> None:
    settings = plant(office, "wecom", "slow", path="/getcallbackip", seconds="3")
    async with aiohttp.ClientSession() as session:
        exam = Exam(settings, office.desk.clock, session, seconds=1.0)
        found = [finding async for finding in examine(exam)]
        await exam.close()
    lines = [str(finding) for finding in found]
    assert "✘ 出口 IP：1 秒没有应答：检查网络、防火墙和代理，再试一次" in lines
    assert found[-1].group == "时钟"


async def test_a_failing_check_hides_no_other_and_no_secret(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secrets_of(office.desk.settings)[0]

    async def breaks(_exam: Exam, _subject: None) -> Verdicts:
        raise ValueError(secret)

    async def repeats(_exam: Exam, _subject: None) -> Verdicts:
        return good(f"回答里有 {secret}")

    module = SimpleNamespace(
        ORDER=1, subjects=lambda _exam: [("组", None)], a=Check("坏的", breaks), b=Check("好的", repeats)
    )
    monkeypatch.setattr(places, "modules", lambda _place: {"only": module})
    async with aiohttp.ClientSession() as session:
        exam = Exam(office.desk.settings, office.desk.clock, session)
        lines = [str(finding) async for finding in examine(exam)]
    assert lines == ["✘ 坏的：检查本身出错（ValueError）：请把这一行报告给维护者", "✔ 好的：回答里有 ***"]


def test_a_database_password_is_a_secret() -> None:
    text = (
        'database: {url: "postgresql+asyncpg://bot:hunter2hunter2@127.0.0.1/q"}\nsecurity: {data_key: "'
        + "ab" * 32
        + '"}'
    )
    assert secrets_of(settings_from_text(text)) == ["ab" * 32, "hunter2hunter2"]


async def test_a_server_database_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"postgresql+asyncpg://bot:hunter2hunter2@127.0.0.1:{unused_port()}/q"
    settings = settings_from_text(f'database: {{url: "{url}"}}')
    code, lines, text = await run(capsys, settings)
    assert code == 1
    assert [line for line in lines if line.startswith("✘ 连接") and "检查 database.url" in line]
    assert [line for line in lines if line.startswith("✘ 数据密钥") and "openssl rand -hex 32" in line]
    assert "hunter2hunter2" not in text


async def cli(folder: Path, text: str) -> tuple[int | None, str, str]:
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "doctor", "--config", str(file)),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_nothing_filled_in(tmp_path: Path) -> None:
    """The settings file as it ships: what is missing and where to get it, in the console's own words."""
    code, out, err = await cli(tmp_path, (ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert (code, err) == (1, "")
    assert "✘ 还没填：还没有一个能用的聊天应用" in out
    assert "! 还没填：chat.wecom.main.corp_id" in out
    assert "我的企业 → 企业信息 → 企业 ID" in out
    assert "✘ 同事：staff 里还没有人" in out


async def test_half_filled_in(tmp_path: Path) -> None:
    code, out, _ = await cli(
        tmp_path, "chat: {wecom: {main: {api_base: 'http://127.0.0.1:9', corp_id: ww1}}}"
    )
    assert code == 1
    assert "✘ 还没填：chat.wecom.main.secret" in out


async def test_faults_in_the_settings_are_told_as_serve_tells_them(tmp_path: Path) -> None:
    code, out, err = await cli(tmp_path, "servr: {port: 8080}\n")
    assert (code, out) == (2, "")
    assert "第 1 行 servr" in err
    assert "server" in err
