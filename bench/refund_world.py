"""A company large enough that 50 approvals a second stay within every platform's limits (wecom.md §1.4,
dingtalk.md §1.4).

A desk is one shop with a requester, three approvers, a DingTalk app and a Taobao app of its own: 24 refunds a
desk keep each person under 25 WeCom messages a minute, and each DingTalk app under 15 calls a second. All desks
share one WeCom app, one server and one sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import settings
from bench.sandbox_api import SandboxApi
from bot.database import open_from
from bot.settings import load
from domain.money import Money
from domain.order import Item, Order, OrderKey, OrderState, Receiver
from storage.bulk import upsert_orders

REFUNDS_PER_DESK = 24
APPROVERS = 3
AMOUNT = "60.00"  # yuan: above the limit of the rule, below the second confirmation
_FIRST_NUMBER = 5_100_000_000_000_000_000
_SANDBOX_SHOP = "tmall-flagship"
SWITCHES = {
    "wecom.lag_ms": "0",  # the simulated way through WeCom's own servers is not ours to measure
    "dingtalk.monthly_calls": "10000000",  # a paid edition
    "dingtalk.monthly_messages": "10000000",
}


@dataclass(frozen=True)
class Desk:
    """One shop; people by their account names, which are the same on both platforms."""

    code: str
    requester: str
    approvers: tuple[str, ...]
    orders: tuple[str, ...]

    @property
    def people(self) -> tuple[str, ...]:
        return (self.requester, *self.approvers)


def desks(refunds: int) -> list[Desk]:
    count = -(-refunds // REFUNDS_PER_DESK)
    return [
        Desk(
            code=f"desk{d:02d}",
            requester=f"asks{d:02d}",
            approvers=tuple(f"decides{d:02d}{a}" for a in range(APPROVERS)),
            orders=tuple(
                str(_FIRST_NUMBER + n * 1000)
                for n in range(d * REFUNDS_PER_DESK, min(refunds, (d + 1) * REFUNDS_PER_DESK))
            ),
        )
        for d in range(count)
    ]


async def furnish(api: SandboxApi, company: Sequence[Desk]) -> dict[str, Any]:
    """People, apps and orders in the sandbox; returns the `chat` and `shops` sections of the settings."""
    await api.post("/switches", **SWITCHES)
    chat: dict[str, Any] = {"wecom": {}, "dingtalk": {}}
    shops: dict[str, Any] = {}
    wecom = (await api.get("/credentials"))["wecom"][0]
    chat["wecom"]["main"] = _pick(
        wecom, "api_base", "corp_id", "agent_id", "secret", "token", "encoding_aes_key"
    )
    for desk in company:
        for role, account in zip(("客服", *["财务"] * APPROVERS), desk.people, strict=True):
            await api.post("/people", name=account, role=role, wecom=account, dingtalk=account)
        robot = await api.post("/apps", platform="dingtalk", name=desk.code)
        chat["dingtalk"][desk.code] = _pick(
            robot, "api_base", "oapi_base", "client_id", "client_secret", "robot_code"
        )
        shop = await api.post("/apps", platform="taobao", shop=_SANDBOX_SHOP)
        keys = _pick(shop, "api_base", "app_key", "app_secret", "session", "tmall")
        shops[desk.code] = {"platform": "taobao", "name": desk.code, "rate_per_second": 50, **keys}
        await api.post("/orders", shop=_SANDBOX_SHOP, orders=[_form(number) for number in desk.orders])
    return {"chat": chat, "shops": shops}


def _pick(credentials: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: credentials[name] for name in names}


def _form(number: str) -> dict[str, Any]:
    """A paid order whose buyer has applied for the refund at the shop."""
    refund = {"amount": AMOUNT, "reason": "破损"}
    return {
        "platform_order_id": number,
        "status": "to_ship",
        "items": [{"price": "129.00"}],
        "refund": refund,
    }


async def furnish_server(folder: Path, port: int, company: Sequence[Desk], sections: dict[str, Any]) -> Path:
    """The settings file, and the orders in the server's database, as a pull would have left them."""
    data = {
        "server": {"host": "127.0.0.1", "port": port, "public_url": f"http://127.0.0.1:{port}"},
        "database": {"url": f"sqlite+aiosqlite:///{folder / 'qianshao.db'}"},
        "logging": {"level": "warning"},
        **sections,
        "staff": [person for desk in company for person in _staff(desk)],
    }
    path = settings.write(folder, data)
    db = await open_from(load(path))
    try:
        found = [_order(desk.code, number) for desk in company for number in desk.orders]
        await upsert_orders(db, found, source="bench")
    finally:
        await db.close()
    return path


def _staff(desk: Desk) -> list[dict[str, Any]]:
    return [
        {
            "name": account,
            "roles": ["service" if account == desk.requester else "finance"],
            "shops": [desk.code],
            "accounts": {"wecom": f"main/{account}", "dingtalk": f"{desk.code}/{account}"},
        }
        for account in desk.people
    ]


def _order(shop: str, number: str) -> Order:
    now, paid = datetime.now(UTC), Money(12900)
    return Order(
        key=OrderKey(shop, number),
        platform="taobao",
        state=OrderState.TO_SHIP,
        state_raw="WAIT_SELLER_SEND_GOODS",
        created_at=now,
        paid_at=now,
        total=paid,
        paid=paid,
        version=1,
        buyer_id=f"buyer-{number}",
        receiver=Receiver(name="李小明", phone="13800138000", address="测试路1号2幢"),
        items=(Item(f"{number}1", "北欧布艺沙发套", "SOFA-GREY-3", 1, paid, paid),),
    )
