"""A backup that was never restored is none: made while the desk works, put back elsewhere, and asked the same."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import places
from bot.commands.sandbox import credentials
from bot.job_settings import JobSettings
from bot.sandbox_settings import settings_data
from bot.settings import DatabaseSettings, Security, Settings
from tests.bot.backup_kit import KEY, all_rows, opened, two_places  # noqa: F401 - a fixture
from tests.office import LIN, QIAN, Office, open_office, summary

ROOT = Path(__file__).parents[2]


async def bot(*arguments: str) -> str:
    """The command as an operator runs it; its words."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments,
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={key: value for key, value in os.environ.items() if not key.startswith("QIANSHAO__")},
    )  # fmt: skip
    out, _ = await child.communicate()
    assert child.returncode == 0, out.decode()
    return out.decode()


def write_config(folder: Path, url: str, office: Office | None = None) -> Path:
    """The settings of commands beside a server; with all its doors and shops when `office` is given."""
    data: dict[str, Any] = {}
    if office is not None:
        port = office.desk.settings.server.port
        data = settings_data(credentials(office.sandbox), port=port, folder=folder)
    data["database"] = {"url": url}
    data["security"] = {"data_key": KEY.hex()}
    data["reconcile"] = {"folder": str(folder / "bills")}
    folder.mkdir(exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return file


def with_database(url: str) -> Callable[[Settings], Settings]:
    """No jobs: a slot that falls due meanwhile would change orders between the two looks at them."""
    resting = {job.name: JobSettings(enabled=False) for job in places.exported("jobs", "JOB").values()}

    def change(settings: Settings) -> Settings:
        return dataclasses.replace(
            settings, database=DatabaseSettings(url), security=Security(data_key=KEY.hex()), jobs=resting
        )

    return change


async def make_tables(url: str) -> None:
    async with opened(url) as db:
        await db.upgrade()


async def chatter(office: Office, stop: asyncio.Event) -> int:
    """People go on asking, within what WeCom shows one member in a minute."""
    asked = 0
    while not stop.is_set():
        if asked < 20:
            await office.say("wecom", LIN, f"没有这回事{asked}")
            asked += 1
        await asyncio.sleep(0.05)
    return asked


async def one_refund(office: Office) -> tuple[str, str]:
    """Asked for, approved and paid; the numbers of order and refund."""
    number = await office.order("129.00")
    await office.say("wecom", LIN, f"退款 {number} 100 破损")
    card = await office.card("wecom", LIN, "退款 ¥", number)
    refund = next(word for word in summary(card).split() if word.startswith("RF"))
    await office.tap("wecom", QIAN, await office.card("wecom", QIAN, refund, "同意"), "同意")
    await office.card("wecom", LIN, refund, "已退款")
    await office.quiet()
    return number, refund


@pytest.mark.timeout(300)
async def test_a_desk_on_the_restored_database_knows_the_same(
    places: tuple[str, str], tmp_path: Path
) -> None:
    here, there = places
    file = tmp_path / "night.tar"
    config = write_config(tmp_path / "a", here)
    await make_tables(here)
    async with open_office(tmp_path / "a", change=with_database(here)) as office:
        number, refund = await one_refund(office)
        bill = tmp_path / "a" / "bills" / "alipay-main" / "2026-01-05" / "bill.csv"
        bill.parent.mkdir(parents=True)
        bill.write_bytes("账务流水号,金额\r\n1,129.00\r\n".encode("gb18030"))
        before = await all_rows(here)
        stop = asyncio.Event()
        people = asyncio.create_task(chatter(office, stop))
        said = await bot("backup", str(file), "--config", str(config))
        stop.set()
        assert await people > 0
        await office.quiet()
    assert "数据密钥不在备份里" in said
    assert file.stat().st_mode & 0o077 == 0
    after = await all_rows(here)
    said = await bot("restore", str(file), "--config", str(write_config(tmp_path / "b", there)))
    assert "已恢复" in said
    async with opened(there) as db:
        assert [one.name for one in await db.processes.living()] == []  # nor would they hold rows in hand
    restored = await all_rows(there)
    for table in ("orders", "order_refs", "refunds", "exceptions", "marks"):
        assert restored[table] in (before[table], after[table])
    assert set(before["audit"]) <= set(restored["audit"]) <= set(after["audit"])
    restored_bill = tmp_path / "b" / "bills" / "alipay-main" / "2026-01-05" / "bill.csv"
    assert restored_bill.read_bytes() == bill.read_bytes()
    async with open_office(tmp_path / "b", change=with_database(there)) as second:
        await second.say("wecom", LIN, f"查单 {number}")
        await second.card("wecom", LIN, number, "已退 ¥100.00", refund, "林**")
        await second.say("dingtalk", QIAN, f"退款单 {refund}")
        await second.card("dingtalk", QIAN, refund, "已退款", "100.00")
        config = write_config(tmp_path / "b", there, second)
        assert "✘" not in await bot("doctor", "--config", str(config))
