"""A company large enough that no limit of a platform is in the way: shops with their people, and many who only ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.pushes import SECRET
from bench.sandbox_api import SandboxApi
from bot.database import open_from
from bot.settings import load
from domain.clock import Clock
from domain.money import Money
from domain.order import Item, Order, OrderKey, OrderState, Receiver
from storage.bulk import upsert_orders
from tests.chaos.plan import Plan
from tests.chaos.till import RED, YELLOW

AMOUNT = "60.00"  # yuan: above what the rule approves by itself, below the second confirmation
APPROVERS = 2
SHOP = "tmall-flagship"  # the simulated shop behind every desk
DATA_KEY = bytes(range(32)).hex()
_FIRST_NUMBER = 5_200_000_000_000_000_000
SWITCHES = {
    "wecom.lag_ms": "0-50",
    "wecom.deliveries": "4",
    "wecom.retry_spacing_s": "1",
    "wecom.account_limit": "100000",
    "dingtalk.redelivery_seconds": "3",
    "dingtalk.redelivery_attempts": "60",
    "dingtalk.monthly_calls": "100000000",  # a paid edition
    "dingtalk.monthly_messages": "100000000",
}
# What the shop's other orders would set off is not the matter here; each late order of a till gets a card of its own.
_POLICIES: dict[str, Any] = {
    "exceptions": {"off": ["address", "watch_word", "stock", "stuck", "payment", "quarantine", "effect"]},
    "messages": {
        "budgets": {"dingtalk": {"calls": 0, "messages": 0}}
    },  # no saving: nothing waits for the half hour
    "sla": {"quiet": "", "fold_at": 1_000_000, "gauges": {"backlog_growth": 0}},
}
_JOBS = {
    "sync": {"enabled": False},
    "gauges": {"every": "15s"},
    "watch_folder": {"every": "10s"},
    "sweep": {"enabled": False},
    "digest": {"enabled": False},
}


@dataclass(frozen=True)
class Desk:
    """One shop; people by their account names, which are the same on both platforms."""

    code: str
    requester: str
    approvers: tuple[str, ...]
    orders: tuple[str, ...]


def desks(plan: Plan) -> list[Desk]:
    count = min(plan.desks, plan.refunds) or 1
    return [
        Desk(
            f"desk{d:03d}",
            f"asks{d:03d}",
            tuple(f"decides{d:03d}{a}" for a in range(APPROVERS)),
            tuple(str(_FIRST_NUMBER + n * 1000) for n in range(d, plan.refunds, count)),
        )
        for d in range(count)
    ]


def tills(plan: Plan) -> list[str]:
    """Shops of one's own, each with a packer of its own."""
    return [f"till{t:02d}" for t in range(plan.tills)]


def askers(plan: Plan) -> list[str]:
    return [f"says{n:04d}" for n in range(plan.askers)]


async def furnish(api: SandboxApi, company: Sequence[Desk], plan: Plan) -> dict[str, Any]:
    """People, apps and orders in the sandbox; the sections of the settings that name them."""
    renewed = plan.stream("switches").choice(("on", "off"))
    await api.post("/switches", **SWITCHES, **{"dingtalk.redelivery_new_message_id": renewed})
    credentials = await api.get("/credentials")
    wecom, dingtalk = credentials["wecom"][0], credentials["dingtalk"][0]
    staff: list[dict[str, Any]] = []
    shops: dict[str, Any] = {}
    for name in askers(plan):
        await api.post("/people", name=name, role="客服", wecom=name, dingtalk=name)
        staff.append({"name": name, "roles": ["service"], "accounts": {"wecom": f"main/{name}"}})
    for desk in company:
        for role, account in zip(
            ("客服", *["财务"] * APPROVERS), (desk.requester, *desk.approvers), strict=True
        ):
            await api.post("/people", name=account, role=role, wecom=account, dingtalk=account)
            staff.append(_person(desk.code, account, "service" if account == desk.requester else "finance"))
        shop = await api.post("/apps", platform="taobao", shop=SHOP)
        keys = {name: shop[name] for name in ("api_base", "app_key", "app_secret", "session", "tmall")}
        shops[desk.code] = {"platform": "taobao", "name": desk.code, "rate_per_second": 40, **keys}
        for start in range(0, len(desk.orders), 200):
            forms = [_form(number) for number in desk.orders[start : start + 200]]
            await api.post("/orders", shop=SHOP, orders=forms)
    for till in tills(plan):
        packer = f"packs-{till}"
        await api.post("/people", name=packer, role="仓库", wecom=packer, dingtalk=packer)
        staff.append(_person(till, packer, "warehouse"))
        shops[till] = {"platform": "custom", "name": till, "secret": SECRET}
    names = ("api_base", "corp_id", "agent_id", "secret", "token", "encoding_aes_key")
    streams = ("api_base", "oapi_base", "client_id", "client_secret", "robot_code")
    return {
        "chat": {
            "wecom": {"main": {name: wecom[name] for name in names}},
            "dingtalk": {"main": {name: dingtalk[name] for name in streams}},
        },
        "shops": shops,
        "staff": staff,
    }


def _person(shop: str, account: str, role: str) -> dict[str, Any]:
    return {
        "name": account,
        "roles": [role],
        "shops": [shop],
        "accounts": {"wecom": f"main/{account}", "dingtalk": f"main/{account}"},
    }


def _form(number: str) -> dict[str, Any]:
    """A paid order whose buyer has applied for the refund at the shop."""
    refund = {"amount": AMOUNT, "reason": "破损"}
    return {
        "platform_order_id": number,
        "status": "to_ship",
        "items": [{"price": "129.00"}],
        "refund": refund,
    }


def write_settings(folder: Path, port: int, sections: dict[str, Any], urls: dict[str, str]) -> Path:
    """`urls`: of the database, the queue and the cache."""
    data = {
        "server": {
            "host": "127.0.0.1",
            "port": port,
            "public_url": f"http://127.0.0.1:{port}",
            "reuse_port": True,
        },
        "database": {"url": urls["database"]},
        "queue": {"url": urls["queue"]},
        "cache": {"url": urls["cache"]},
        "security": {"data_key": DATA_KEY},
        "logging": {"level": "warning"},
        "jobs": _JOBS,
        "policies": {**_POLICIES, "sla": {**_POLICIES["sla"], "rules": [_late_rule(sections["shops"])]}},
        **sections,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _late_rule(shops: dict[str, Any]) -> dict[str, Any]:
    """For the tills' orders alone."""
    return {
        "name": "late",
        "title": "待发货",
        "states": ["paid", "to_ship"],
        "counts_from": "paid_at",
        "yellow": f"{YELLOW.total_seconds() / 3600:.0f}h",
        "red": f"{RED.total_seconds() / 3600:.0f}h",
        "shops": [code for code, shop in shops.items() if shop["platform"] == "custom"],
    }


async def stock(config: Path, company: Sequence[Desk], clock: Clock) -> None:
    """The orders in the desk's own database, as a pull would have left them."""
    db = await open_from(load(config))
    try:
        for desk in company:
            await upsert_orders(
                db, [_order(desk.code, number, clock) for number in desk.orders], source="chaos"
            )
    finally:
        await db.close()


def _order(shop: str, number: str, clock: Clock) -> Order:
    now, paid = clock.now(), Money(12900)
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
