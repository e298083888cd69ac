"""Payments in a whole company: the desk's own accounts, and what `doctor` says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.commands.doctor import report
from bot.settings import Settings
from domain.payment import BillKind, RowKind
from sandbox.faults import Fault
from sandbox.payment.amounts import GMT8
from tests.office import Office, open_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as opened:
        yield opened


async def test_the_desk_fetches_the_bill_of_its_shops_orders(office: Office, tmp_path: Path) -> None:
    number = await office.order("129.00")
    sold = await office.post("/orders", {"shop": "mini-01", "orders": [{"status": "paid"}]})
    mall = str(sold["orders"][0]["platform_order_id"])
    day = office.sandbox.world.clock.now().astimezone(GMT8).date()
    clock = office.sandbox.world.clock
    tomorrow = clock.now().astimezone(GMT8).replace(hour=10, minute=10) + timedelta(days=1)
    clock.set(tomorrow, frozen=True)
    found: dict[str, list[str]] = {}
    for account, desk in office.desk.payments.items():
        kept = await desk.download_bill(day, BillKind.TRADE, tmp_path / "bills")
        rows = [row for row in desk.parse_bill(kept.path) if row.kind is RowKind.PAYMENT]
        found[account] = [row.order_no for row in rows]
        assert desk.normalise_bill(kept.path, tmp_path / "out.csv").rows == len(rows)
    assert number in found["alipay-main"]
    assert mall in found["wechat-main"]
    assert (await office.desk.payments["alipay-main"].query(number)).state == "paid"
    assert (await office.desk.payments["wechat-main"].query(mall)).state == "paid"


async def lines_of(
    capsys: pytest.CaptureFixture[str], settings: Settings, heading: str, **more: Any
) -> list[str]:
    """What doctor says under one heading."""
    await report(settings, **more)
    lines = capsys.readouterr().out.splitlines()
    start = lines.index(heading)
    rest = [n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")]
    return [line.strip() for line in lines[start + 1 : rest[0] if rest else None]]


@pytest.mark.parametrize("account", ["alipay-main", "wechat-main"])
async def test_doctor_finds_an_account_that_works(
    office: Office, capsys: pytest.CaptureFixture[str], account: str
) -> None:
    query, bill = await lines_of(capsys, office.desk.settings, f"支付 {account}")
    assert query == "✔ 接口调用：签名、验签都有效"
    assert bill.startswith("✔ 账单：")


def with_account(settings: Settings, account: str, **changes: Any) -> Settings:
    payments = tuple(
        replace(known, values=replace(known.values, **changes)) if known.account == account else known
        for known in settings.payments
    )
    return replace(settings, payments=payments)


@pytest.mark.parametrize(
    ("account", "change", "words"),
    [
        ("alipay-main", {"app_id": "2021"}, "payments.alipay-main.app_id"),
        ("alipay-main", {"api_base": "http://127.0.0.1:9/gateway.do"}, "api_base"),
        ("wechat-main", {"serial_no": "00"}, "同一张证书"),
        ("wechat-main", {"wechatpay_public_key_id": "PUB_KEY_ID_0"}, "wechatpay_public_key"),
    ],
)
async def test_doctor_says_which_setting_is_wrong(
    office: Office, capsys: pytest.CaptureFixture[str], account: str, change: dict[str, str], words: str
) -> None:
    settings = with_account(office.desk.settings, account, **change)
    query, _ = await lines_of(capsys, settings, f"支付 {account}")
    assert query.startswith("✘ 接口调用：")
    assert words in query


async def test_doctor_notes_a_missing_bill(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.sandbox.world.faults.plant(Fault("wechatpay", "no_bill", rate=1.0))
    _, bill = await lines_of(capsys, office.desk.settings, "支付 wechat-main")
    assert bill == "! 账单：微信支付没有这一天的账单：这一天没有交易"


async def test_doctor_never_shows_a_key(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    await report(office.desk.settings)
    shown = capsys.readouterr().out
    for account in office.desk.settings.payments:
        assert account.values.private_key not in shown
        assert account.values.private_key.splitlines()[3] not in shown
