"""A believable week of orders, the same for the same seed, counted back from the world's clock."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sandbox.shops.taobao import goods
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.buyers import apply
from sandbox.shops.taobao.model import (
    CLOSED,
    CLOSED_UNPAID,
    FINISHED,
    ON_HOLD,
    PART_SHIPPED,
    REFUNDED,
    SHIPPED,
    SIGNED,
    TO_SHIP,
    UNPAID,
    Receiver,
    Refund,
    Trade,
)
from sandbox.shops.taobao.shipping import CARRIERS

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SAME_NAME = "陈晓雨"
_SENT = (SHIPPED, SIGNED, FINISHED, PART_SHIPPED)
_ENDED = (FINISHED, CLOSED, CLOSED_UNPAID)
# Shares of statuses by age in hours: the younger an order, the earlier its stage.
_STAGES = (
    (6, ((UNPAID, 3), (TO_SHIP, 7))),
    (48, ((TO_SHIP, 5), (SHIPPED, 4), (CLOSED_UNPAID, 1))),
    (96, ((SHIPPED, 6), (TO_SHIP, 1), (SIGNED, 2), (CLOSED_UNPAID, 1))),
    (168, ((FINISHED, 6), (SIGNED, 2), (SHIPPED, 2))),
)


@dataclass(frozen=True)
class Person:
    nick: str
    receiver: Receiver


def seed_week(books: Books, *, seed: int, counts: dict[str, int]) -> int:
    """Fill empty books; how many orders came in. Books that already hold orders stay as they are."""
    if books.trades:
        return 0
    rng = random.Random(seed)
    people = _people(rng, sum(counts.values()) // 2 + 6)
    for shop, count in counts.items():
        ages = sorted((rng.uniform(0.1, 167.0) for _ in range(count)), reverse=True)
        for age in ages:
            _order(books, rng, shop, rng.choice(people[2:]), int(age * HOUR_MS))
        _cases(books, rng, shop, people)
    return len(books.trades)


def _people(rng: random.Random, count: int) -> list[Person]:
    """The first is the buyer with a history of refunds; two others share a receiver's name."""
    names = [goods.person_name(rng) for _ in range(count)]
    names[2] = names[3] = SAME_NAME
    numbers = rng.sample(range(1000, 10000), count)
    return [
        Person(goods.nick(rng), goods.receiver(rng, name, number))
        for name, number in zip(names, numbers, strict=True)
    ]


def _order(
    books: Books, rng: random.Random, shop: str, person: Person, age_ms: int, status: str = ""
) -> Trade:
    now = books.world.clock.epoch_ms()
    created = now - age_ms
    status = status or _stage(rng, age_ms / HOUR_MS)
    tid = books.new_tid()
    lines = [
        goods.line(str(int(tid) + n), good, rng.choice((1, 1, 1, 2)), status)
        for n, good in enumerate(rng.sample(goods.GOODS, rng.choice((1, 1, 1, 2, 3))), start=1)
    ]
    discount = rng.choice((0, 0, 500, 1000, 2000)) if sum(line.payment for line in lines) > 5000 else 0
    lines[0].payment -= min(discount, lines[0].payment)
    paid = created + rng.randint(20, 900) * 1000 if status not in (UNPAID, CLOSED_UNPAID) else 0
    trade = Trade(
        tid=tid,
        shop=shop,
        status=status,
        buyer_nick=person.nick,
        buyer_open_uid=goods.open_uid(person.nick),
        receiver=person.receiver,
        lines=lines,
        payment=sum(line.payment for line in lines),
        discount_fee=discount,
        post_fee=0,
        created=created,
        modified=min(now, max(created, paid)),
        pay_time=min(now, paid),
        buyer_message=rng.choice(("", "", "", "", "麻烦包装结实一点", "工作日送货")),
    )
    _send(rng, trade, now)
    if status in _ENDED:
        trade.end_time = min(now, max(trade.consign_time, created) + 30 * MINUTE_MS)
        trade.modified = trade.end_time
    books.add_trade(trade)
    return trade


def _stage(rng: random.Random, age_hours: float) -> str:
    shares = next(shares for limit, shares in _STAGES if age_hours <= limit)
    return rng.choices([status for status, _ in shares], [weight for _, weight in shares])[0]


def _send(rng: random.Random, trade: Trade, now: int) -> None:
    if trade.status not in _SENT:
        return
    trade.consign_time = min(now, trade.pay_time + rng.randint(1, 20) * HOUR_MS)
    trade.modified = trade.consign_time
    _, code, company, _ = rng.choice(CARRIERS[:4])
    prefix = {"SF": "SF1", "YTO": "YT8", "ZTO": "7", "STO": "77"}[code]
    number = f"{prefix}{rng.randrange(10**12, 10**13)}"[: 15 if code != "ZTO" else 14]
    sent = trade.lines[:1] if trade.status == PART_SHIPPED else trade.lines
    for line in sent:
        line.company, line.waybill = company, number
        line.status = SHIPPED if trade.status == PART_SHIPPED else trade.status


def _cases(books: Books, rng: random.Random, shop: str, people: list[Person]) -> None:
    """What every shop has: applications, past refunds, a serial refunder, same names, odd states."""
    big = shop == next(iter(books.shops))
    for days in (6, 5, 3) if big else (4,):
        _past_refund(books, rng, _order(books, rng, shop, people[0], days * 24 * HOUR_MS, SIGNED), whole=True)
    _order(books, rng, shop, people[0], 5 * HOUR_MS, TO_SHIP)
    _order(books, rng, shop, people[1], 20 * MINUTE_MS, UNPAID)
    for person, hours in ((people[2], 30), (people[3], 52)) if big else ((people[3], 9),):
        _order(books, rng, shop, person, hours * HOUR_MS, SHIPPED)
    _order(books, rng, shop, people[4], 20 * HOUR_MS, ON_HOLD)
    _two_lines(books, rng, shop, people[5])
    paid = [
        t for t in books.trades.values() if t.shop == shop and t.pay_time and t.status in (TO_SHIP, *_SENT)
    ]
    paid = [t for t in paid if t.buyer_nick != people[0].nick and not books.refunds_of(t.tid)]
    rng.shuffle(paid)
    applications, refunded = (12, 4) if big else (3, 1)
    for trade in paid[:applications]:
        amount = rng.choice((trade.payment, min(trade.payment, rng.choice((1000, 1990, 3000, 4500)))))
        refund = apply(books, trade, amount, rng.choice(goods.REASONS))
        last = max(trade.pay_time, trade.consign_time, trade.end_time)
        _backdate(books, trade, refund, before=last + rng.randint(1, 20) * HOUR_MS)
    for trade in paid[applications : applications + refunded]:
        _past_refund(books, rng, trade, whole=False)


def _two_lines(books: Books, rng: random.Random, shop: str, person: Person) -> None:
    """An order of which one part is on its way and one is not."""
    trade = _order(books, rng, shop, person, 40 * HOUR_MS, PART_SHIPPED)
    if len(trade.lines) == 1:
        good = next(good for good in goods.GOODS if good.sku != trade.lines[0].outer_sku_id)
        line = goods.line(str(int(trade.tid) + 2), good, 1, TO_SHIP)
        trade.lines.append(line)
        trade.payment += line.payment
    for line in trade.lines[1:]:
        line.status = TO_SHIP
    books.add_trade(trade)


def _past_refund(books: Books, rng: random.Random, trade: Trade, *, whole: bool) -> None:
    """A refund of days gone by: no effect is recorded for it."""
    amount = trade.payment if whole else max(1, trade.payment // 4)
    refund = apply(books, trade, amount, rng.choice(goods.REASONS))
    refund.status, refund.reviewed = REFUNDED, True
    if whole:
        trade.status = CLOSED
        for line in trade.lines:
            line.status = CLOSED
    _backdate(books, trade, refund, before=max(trade.pay_time, trade.consign_time) + 12 * HOUR_MS)
    trade.end_time = refund.version if whole else trade.end_time
    books.add_trade(trade)


def _backdate(books: Books, trade: Trade, refund: Refund, *, before: int) -> None:
    """Move the refund, and with it the trade's last change, to an earlier moment."""
    refund.created = refund.version = min(before, books.world.clock.epoch_ms())
    books.add_refund(refund)
    for line in trade.lines:
        if line.refund_id == refund.refund_id:
            line.refund_status = refund.status
    trade.modified = refund.version
    books.add_trade(trade)
