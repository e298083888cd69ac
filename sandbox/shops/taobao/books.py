"""The platform's books: shops, apps, sessions, trades and refunds, written through to the world's store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import asdict

from sandbox.shops.taobao import money
from sandbox.shops.taobao.model import (
    REFUNDED,
    App,
    Refund,
    Session,
    Shop,
    Trade,
    Usage,
    trade_from,
)
from sandbox.world import World

SHOPS = (
    Shop("tmall-flagship", "天猫旗舰店", tmall=True),
    Shop("taobao-outlet", "淘宝折扣店", tmall=False),
)
YEAR_SECONDS = 365 * 24 * 3600


class Books:
    """Everything in memory, each change written at once, so that a restart keeps it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shops = {shop.code: shop for shop in SHOPS}
        self.apps = {key: App(**doc) for key, doc in world.store.all("taobao.app")}
        self.sessions = {key: Session(**doc) for key, doc in world.store.all("taobao.session")}
        self.trades = {key: trade_from(doc) for key, doc in world.store.all("taobao.trade")}
        self.refunds = {key: Refund(**doc) for key, doc in world.store.all("taobao.refund")}
        self.usage: dict[str, Usage] = {}
        self._refunds_of: dict[str, list[str]] = {}
        for refund in self.refunds.values():
            self._refunds_of.setdefault(refund.tid, []).append(refund.refund_id)
        if not self.apps:
            app = self.new_app()
            for shop in SHOPS:
                self.new_session(app, shop.code)

    def new_app(self) -> App:
        app = App(app_key=str(23_000_000 + secrets.randbelow(9_000_000)), app_secret=secrets.token_hex(16))
        self.apps[app.app_key] = app
        self.world.store.put("taobao.app", app.app_key, asdict(app))
        return app

    def new_session(self, app: App, shop: str, seconds: int = YEAR_SECONDS) -> Session:
        session = Session(
            "6200" + secrets.token_hex(24), app.app_key, shop, self.world.clock.epoch() + seconds
        )
        self.sessions[session.session] = session
        self.world.store.put("taobao.session", session.session, asdict(session))
        return session

    def next_number(self, kind: str) -> int:
        """1, 2, 3 … for one kind of id, across restarts."""
        n = int((self.world.store.get("taobao.counter", kind) or {"n": 0})["n"]) + 1
        self.world.store.put("taobao.counter", kind, {"n": n})
        return n

    def new_tid(self) -> str:
        """19 digits, beyond 2^53, as real ones are."""
        while True:
            tid = str(4_200_000_000_000_000_000 + self.next_number("trade") * 10_000_300_007_000)
            if tid not in self.trades:
                return tid

    def new_refund_id(self) -> str:
        return str(180_000_000_000_000 + self.next_number("refund") * 70_000_003)

    def add_trade(self, trade: Trade) -> None:
        self.trades[trade.tid] = trade
        self.world.store.put("taobao.trade", trade.tid, asdict(trade))
        if trade.pay_time:
            self.world.money_moved(money.paid(trade))

    def remove_trade(self, trade: Trade) -> None:
        """Forget a trade and its refunds, as if they had never come in."""
        for refund_id in self._refunds_of.pop(trade.tid, []):
            del self.refunds[refund_id]
            self.world.store.delete("taobao.refund", refund_id)
        self.world.money_moved(money.undone(trade))
        del self.trades[trade.tid]
        self.world.store.delete("taobao.trade", trade.tid)

    def save_trade(self, trade: Trade) -> None:
        """Keep a changed trade: its modified time moves on."""
        trade.modified = max(self.world.clock.epoch_ms(), trade.modified + 1)
        self.add_trade(trade)
        self.world.publish({"event": "shop"})

    def add_refund(self, refund: Refund) -> None:
        known = self._refunds_of.setdefault(refund.tid, [])
        if refund.refund_id not in known:
            known.append(refund.refund_id)
        self.refunds[refund.refund_id] = refund
        self.world.store.put("taobao.refund", refund.refund_id, asdict(refund))
        if refund.status == REFUNDED and refund.tid in self.trades:
            self.world.money_moved(money.paid_back(refund, self.trades[refund.tid]))

    def save_refund(self, refund: Refund) -> None:
        """Keep a changed refund under a new version, and show its status on the sub-order."""
        refund.version = max(self.world.clock.epoch_ms(), refund.version + 1)
        self.add_refund(refund)
        trade = self.trades[refund.tid]
        for line in trade.lines:
            if line.oid == refund.oid and line.refund_id == refund.refund_id:
                line.refund_status = refund.status
        self.save_trade(trade)

    def refunds_of(self, tid: str) -> list[Refund]:
        """Oldest first."""
        return [self.refunds[refund_id] for refund_id in self._refunds_of.get(tid, [])]

    def open_refund(self, tid: str) -> Refund | None:
        return next((refund for refund in reversed(self.refunds_of(tid)) if refund.open), None)

    def refunded(self, tid: str) -> int:
        """Fen that went back to the buyer."""
        return sum(refund.fee for refund in self.refunds_of(tid) if refund.status == REFUNDED)

    def newest(self) -> Iterator[Trade]:
        yield from sorted(self.trades.values(), key=lambda trade: (trade.created, trade.tid), reverse=True)
