"""What people did, held against what the desk stored, what the far sides did and what everybody sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from bench.sandbox_api import SandboxApi
from tests.chaos.callbacks import Sent
from tests.chaos.fleet import Fleet
from tests.chaos.people import Asked, Chats, decisions
from tests.office import summary

_FEN = 6000  # of every refund
_SHOWN_MOST = 10


@dataclass
class Ledger:
    """`lines` to print; every entry of `wrong` is a broken promise."""

    lines: list[tuple[str, object]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, name: str, value: object) -> None:
        self.lines.append((name, value))

    def complain(self, what: str, whom: Iterable[object]) -> None:
        found = list(whom)
        if found:
            some = ", ".join(str(one) for one in found[:_SHOWN_MOST])
            self.wrong.append(f"{what}: {len(found)} ({some})")

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.lines)
        rows = [f"  {name:<{width}}  {value}" for name, value in self.lines]
        return "\n".join([*rows, *(f"  WRONG  {line}" for line in self.wrong or ["nothing"])])


async def settled(database: str) -> dict[str, int]:
    """What still has something to do now or soon; runs of jobs do not count."""
    connection = await asyncpg.connect(database, timeout=5)
    try:
        counts = {}
        for table in ("inbox", "outbox"):
            counts[table] = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE due IS NOT NULL")
        for table in ("order_changes", "alert_timers"):
            counts[table] = await connection.fetchval(f"SELECT count(*) FROM {table}")
        return counts
    finally:
        await connection.close()


async def audit(
    ledger: Ledger,
    connection: asyncpg.Connection,
    api: SandboxApi,
    chats: Chats,
    sent: Sequence[Sent],
    asked: Sequence[Asked],
) -> None:
    """Every promise of the issue, one after the other."""
    await _callbacks(ledger, connection, chats, sent)
    await _refunds(ledger, connection, api, chats, asked)
    await _slots(ledger, connection)
    await _letters(ledger, connection)
    await _limits(ledger, api)


async def _callbacks(
    ledger: Ledger, connection: asyncpg.Connection, chats: Chats, sent: Sequence[Sent]
) -> None:
    """Every acknowledged text was stored once, handled once and answered once."""
    rows = await connection.fetch(
        "SELECT key, state, outcome, attempts, finished_at - received_at AS took FROM inbox"
    )
    stored = {row["key"]: row for row in rows}
    acknowledged = [one for one in sent if one.acknowledged]
    ledger.note("texts sent", f"{len(sent)} in {sum(one.copies for one in sent)} copies")
    ledger.note("acknowledged", len(acknowledged))
    answered = sum(one.answered for one in sent)
    ledger.note("copies stopped as duplicates", answered - len(acknowledged))
    ledger.note(
        "callbacks stored",
        f"{len(rows)}, handled more than once begun {sum(r['attempts'] > 1 for r in rows)}",
    )
    ledger.note("longest from receipt to outcome", f"{max((r['took'] or 0) for r in rows) / 1e6:.1f} s")
    ledger.complain("acknowledged and not stored", (one.key for one in acknowledged if one.key not in stored))
    ledger.complain(
        "stored and without an outcome", (key for key, row in stored.items() if row["state"] != "done")
    )
    told = _answers(chats, {one.user for one in sent})
    kept = [one for one in sent if one.key in stored]
    ledger.complain(
        "answered not once", (f"{o.text} {told[o.user, o.text]}×" for o in kept if told[o.user, o.text] != 1)
    )
    statuses: Counter[int] = Counter()
    for one in sent:
        statuses.update(one.statuses)
    ledger.note("answers by status (0: none)", dict(sorted(statuses.items())))


def _answers(chats: Chats, users: set[str]) -> Counter[tuple[str, str]]:
    """How often each person was told of each text; an answer quotes it."""
    told: Counter[tuple[str, str]] = Counter()
    for (_, user, _), message in chats.shown.items():
        if user in users and not message.get("dropped"):
            for quoted in summary(message).split("“")[1:2]:
                told[user, quoted.partition("”")[0]] += 1
    return told


async def _refunds(
    ledger: Ledger, connection: asyncpg.Connection, api: SandboxApi, chats: Chats, asked: Sequence[Asked]
) -> None:
    """What was approved was paid once and nothing else was; every card shows what is so."""
    rows = await connection.fetch("SELECT number, platform_order_id, process, money FROM refunds")
    effects = (await api.get("/effects"))["effects"]
    paid = Counter(e["details"]["tid"] for e in effects if e["kind"] == "refund")
    amounts = {e["details"]["amount_fen"] for e in effects if e["kind"] == "refund"}
    by_order: dict[str, list[Any]] = {}
    for row in rows:
        by_order.setdefault(row["platform_order_id"], []).append(row)
    taps = [tap for one in asked for tap in one.taps]
    ledger.note("refunds asked for", f"{len(asked)}, on record {len(rows)}, taps {len(taps)}")
    ledger.note("refunds paid at the shop", f"{sum(paid.values())}")
    ledger.complain("asked for and not on record", (one.order for one in asked if one.order not in by_order))
    ledger.complain("of another amount", (a for a in amounts if a != _FEN))
    states = Counter(f"{row['process']}/{row['money']}" for row in rows)
    ledger.note("refunds by state", dict(states))
    for order, found in by_order.items():
        due = sum(row["money"] == "success" for row in found)
        # One that nobody decided is no fault: somebody asked a second time after the first was through.
        open_ones = [row for row in found if row["money"] in ("pending", "unknown")]
        ledger.complain(f"{order} not settled", (f"{row['process']}/{row['money']}" for row in open_ones))
        if paid[order] != due or due > 1:
            ledger.wrong.append(f"{order}: {due} refunds succeeded, {paid[order]} paid at the shop")
    ledger.complain("paid and not on record", (order for order in paid if order not in by_order))
    approvers = {who for one in asked for who in one.desk.approvers}
    _cards(ledger, chats, {row["number"]: row for row in rows}, approvers)


def _cards(ledger: Ledger, chats: Chats, refunds: dict[str, Any], approvers: set[str]) -> None:
    """A card that asks for a decision that was made, or shows another end than the true one, is wrong, unless its
    reader was told the end in words (a card whose platform takes no more changes)."""
    words = {number: _end(row) for number, row in refunds.items()}
    seen, wrong, twice = 0, [], Counter[tuple[str, str, str]]()
    for (platform, user, message_id), message in chats.shown.items():
        text = summary(message)
        number = next((word for word in text.replace("，", " ").split() if word in refunds), "")
        if not message.get("card") or not number:
            continue
        seen += 1
        twice[platform, user, number] += user in approvers  # who asks twice is shown twice
        end = words[number]
        title = f"{message['card'].get('title')} {message['card'].get('replace_text', '')} {text}"
        asks = bool(decisions(message)) and end != "待审批"
        if (asks or end not in title) and not told(chats, user, number, end):
            wrong.append(f"{platform} {user} {number} {message_id}: {text[:60]!r}, it is {end}")
    ledger.note("refund cards seen", seen)
    ledger.complain("cards that show what is not so", wrong)
    ledger.complain("cards shown twice", (key for key, count in twice.items() if count > 1))


def _end(row: Any) -> str:
    if row["process"] == "applied":
        return "待审批"
    if row["process"] == "refused":
        return "已驳回"
    return "已退款" if row["money"] == "success" else "退款失败"


def told(chats: Chats, user: str, number: str, end: str) -> bool:
    return any(
        not m.get("card") and number in str(m["text"]) and end in str(m["text"]) for m in chats.of(user)
    )


async def _slots(ledger: Ledger, connection: asyncpg.Connection) -> None:
    """Each slot of a job is one row; a run that is done was done by one process alone."""
    rows = await connection.fetch("SELECT job, due, asked_by, state, attempts FROM job_runs")
    slots = Counter((row["job"], row["due"]) for row in rows if not row["asked_by"])
    ledger.note("job slots", f"{len(rows)}: {dict(Counter(row['state'] for row in rows))}")
    ledger.note("job runs taken over", sum(row["attempts"] > 1 for row in rows))
    ledger.complain("slots that ran twice", (slot for slot, count in slots.items() if count > 1))


async def _letters(ledger: Ledger, connection: asyncpg.Connection) -> None:
    for table in ("inbox", "outbox"):
        dead = await connection.fetch(f"SELECT id, error FROM {table} WHERE state = 'dead'")
        ledger.note(f"{table} rows laid aside", len(dead))
        ledger.complain(f"{table} rows laid aside", (f"{row['id']} {row['error'][:80]}" for row in dead))


async def _limits(ledger: Ledger, api: SandboxApi) -> None:
    """What the platforms themselves counted as too much; refusals that were planted are not in it."""
    counters = (await api.get("/effects"))["counters"]
    over = {
        f"{platform} {what}": counts[what]
        for platform, apps in counters.items()
        for counts in apps.values()
        for what in ("dropped", "too_many")
        if counts.get(what)
    }
    ledger.note("beyond a platform's limit", over or 0)
    ledger.complain("beyond a platform's limit", (f"{name} {count}" for name, count in over.items()))


def lives(ledger: Ledger, fleet: Fleet) -> None:
    ledger.note("processes started", {member.name: member.started for member in fleet.members})
    ledger.complain("processes that did not end on SIGTERM", fleet.hung)
