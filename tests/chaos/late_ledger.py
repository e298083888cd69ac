"""What the tills pushed, held against the stored orders, the alerts and the cards that were shown of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg

from tests.chaos.ledger import Ledger, told
from tests.chaos.people import Chats
from tests.chaos.till import Late
from tests.office import PLATFORMS, summary

_NUMBER = re.compile(r"AL\d{6}[0-9A-Z]{6}")
_ROWS = """
SELECT o.shop_code, o.platform_order_id, o.state AS order_state, a.number, a.level, a.state
FROM orders o LEFT JOIN alerts a ON a.subject_type = 'order' AND a.subject_id = o.id::text
WHERE o.shop_code = ANY($1)
"""


async def audit(ledger: Ledger, connection: asyncpg.Connection, chats: Chats, pushed: Sequence[Late]) -> None:
    """Each late order is stored once, in its last state, with one alert that is so, told once to its packer."""
    rows = await connection.fetch(_ROWS, sorted({late.shop for late in pushed}))
    stored: dict[str, list[Any]] = {}
    for row in rows:
        stored.setdefault(row["platform_order_id"], []).append(row)
    ledger.note("late orders", f"{len(pushed)}, pushed {sum(one.pushes for one in pushed)} times")
    lights = Counter(f"{row['level']} {row['state']}" for row in rows if row["number"])
    ledger.note("alerts", dict(sorted(lights.items())))
    ledger.complain("late orders not stored", (one.order for one in pushed if one.order not in stored))
    ledger.complain("alerts raised twice", (order for order, found in stored.items() if len(found) > 1))
    kept = [(one, stored[one.order][0]) for one in pushed if one.order in stored]
    ledger.complain(
        "orders that are not as they were pushed last",
        (f"{one.order} {row['order_state']}" for one, row in kept if row["order_state"] != _state(one)),
    )
    ledger.complain(
        "late orders without their light",
        (f"{one.order} {row['level']} {row['state']}" for one, row in kept if not _so(one, row)),
    )
    given_up = await connection.fetch("SELECT subject_id FROM audit WHERE action = 'order.set_aside'")
    ledger.complain("orders whose rules were given up", (row["subject_id"] for row in given_up))
    _cards(ledger, chats, [row for row in rows if row["number"]])


def _state(one: Late) -> str:
    return "shipped" if one.shipped else "paid"


def _so(one: Late, row: Any) -> bool:
    """Red while it waits; one that was shipped before anybody looked never had a light."""
    if one.shipped:
        return row["number"] is None or row["state"] == "resolved"
    return bool(row["level"] == "red" and row["state"] == "open")


def _cards(ledger: Ledger, chats: Chats, alerts: Sequence[Any]) -> None:
    """One card of each alert on each platform, and it shows what is so unless its reader was told in words."""
    ends = {row["number"]: "已超时" if row["state"] == "open" else "已解除" for row in alerts}
    seen: Counter[tuple[str, str]] = Counter()
    wrong = []
    for (platform, user, _), message in chats.shown.items():
        found = _NUMBER.search(summary(message)) if message.get("card") else None
        if found is None or found[0] not in ends:
            continue
        number = found[0]
        seen[platform, number] += 1
        if ends[number] not in summary(message) and not told(chats, user, number, ends[number]):
            wrong.append(f"{platform} {number}: {summary(message)[:60]!r}, it is {ends[number]}")
    ledger.note("alert cards seen", sum(seen.values()))
    ledger.complain("alert cards that show what is not so", wrong)
    ledger.complain("alert cards shown twice", (key for key, count in seen.items() if count > 1))
    unseen = (
        (platform, row["number"])
        for row in alerts
        for platform in PLATFORMS
        if row["state"] == "open" and not seen[platform, row["number"]]
        # Many at once, held up by a limit, come as one text.
        if not told(chats, f"packs-{row['shop_code']}", row["number"], "已超时")
    )
    ledger.complain("alerts that nobody was shown", unseen)
