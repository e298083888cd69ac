"""The simulated Taobao with its shops, as the shop world drives it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.shops.shop_platform import BadPayload, TruthRow
from sandbox.shops.taobao import life
from sandbox.shops.taobao.amounts import fen, iso, yuan
from sandbox.shops.taobao.books import SHOPS, YEAR_SECONDS, Books
from sandbox.shops.taobao.buyers import apply, why_not
from sandbox.shops.taobao.gateway import Gateway
from sandbox.shops.taobao.model import STATUS_TEXTS, Session, Trade
from sandbox.shops.taobao.order_form import apply_form_refund, build_trade, orders_of
from sandbox.shops.taobao.seed import seed_week
from sandbox.shops.taobao.switches import FAULTS, SWITCHES
from sandbox.world import Refusal, World

LOOPBACK = frozenset({"127.0.0.1", "::1"})
WEEK = {"tmall-flagship": 68, "taobao-outlet": 14}


class TaobaoShops:
    """One Taobao with two shops. Everything is kept in the world's store."""

    name = "taobao"
    switches = SWITCHES
    faults = FAULTS

    def __init__(self, world: World) -> None:
        self._world = world
        self.books = Books(world)
        self._gateway = Gateway(self.books)
        self._default_app = next(iter(self.books.apps.values()))

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox/shops/taobao`."""
        return [
            web.get("/router/rest", self._gateway.handle, allow_head=False),
            web.post("/router/rest", self._gateway.handle),
            web.post("/buyer", self._buyer),
        ]

    def credentials(self) -> list[dict[str, Any]]:
        """What a client's settings need, for each shop of the first app."""
        sessions = self.books.sessions.values()
        mine = [s for s in sessions if s.app_key == self._default_app.app_key]
        return [self._credential(session) for session in mine]

    def new_app(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A fresh app, authorised by `options["shop"]` (default: the first) for `session_seconds`."""
        seconds = options.get("session_seconds", YEAR_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            raise BadPayload(f"session_seconds: expected a whole number, got {seconds!r}")
        shop = self._shop(options)
        return self._credential(self.books.new_session(self.books.new_app(), shop, seconds))

    def _credential(self, session: Session) -> dict[str, Any]:
        app = self.books.apps[session.app_key]
        return {
            "shop": session.shop,
            "name": self.books.shops[session.shop].name,
            "tmall": self.books.shops[session.shop].tmall,
            "api_base": f"{self._world.base}/shops/taobao/router/rest",
            "app_key": app.app_key,
            "app_secret": app.app_secret,
            "session": session.session,
        }

    def _shop(self, payload: Mapping[str, Any]) -> str:
        shop = str(payload.get("shop") or SHOPS[0].code)
        if shop not in self.books.shops:
            raise BadPayload(f"shop: no shop {shop!r}; known: {', '.join(self.books.shops)}", 404)
        return shop

    def create_orders(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A shop receives orders; BadPayload names what is wrong, and then none of them came in."""
        shop = self._shop(payload)
        made: list[Trade] = []
        try:
            for form in orders_of(payload):
                trade = build_trade(self.books, shop, form)
                self.books.add_trade(trade)
                made.append(trade)
                apply_form_refund(self.books, trade, form)
        except BadPayload:
            for trade in made:
                self.books.remove_trade(trade)
            raise
        self._world.publish({"event": "shop"})
        return {"orders": [self._listed(trade) for trade in made]}

    def buyer_applies(self, tid: str, amount_fen: int, reason: str = "") -> dict[str, Any]:
        """The buyer applies for a refund in their own app; BadPayload says why they cannot."""
        trade = self.books.trades.get(tid)
        if trade is None:
            raise BadPayload(f"tid: no trade {tid!r}", 404)
        if why := why_not(self.books, trade, amount_fen):
            raise BadPayload(why, 409)
        refund = apply(self.books, trade, amount_fen, reason)
        return {
            "refund_id": refund.refund_id,
            "tid": tid,
            "amount": yuan(refund.fee),
            "status": refund.status,
            "reason": refund.reason,
        }

    def listing(self) -> list[dict[str, Any]]:
        """Every order for the console, newest first; amounts in yuan."""
        return [self._listed(trade) for trade in self.books.newest()]

    def truth(self) -> list[TruthRow]:
        """What the desk's pool must equal; the platform tells times in whole seconds."""
        return [
            TruthRow(
                shop=trade.shop,
                platform="taobao",
                platform_order_id=trade.tid,
                status=trade.status,
                paid=trade.payment if trade.pay_time else 0,
                modified_ms=trade.modified // 1000 * 1000,
            )
            for trade in self.books.trades.values()
        ]

    def happen(self, rng: random.Random) -> str:
        """One ordinary thing: an order comes in, or one that is there moves on."""
        return life.happen(self.books, rng)

    def _listed(self, trade: Trade) -> dict[str, Any]:
        refunds = self.books.refunds_of(trade.tid)
        last = refunds[-1] if refunds else None
        return {
            "shop": trade.shop,
            "platform": "taobao",
            "platform_order_id": trade.tid,
            "status": trade.status,
            "status_text": STATUS_TEXTS[trade.status],
            "buyer": trade.buyer_nick,
            "receiver": trade.receiver.name,
            "phone": trade.receiver.phone,
            "amount": yuan(trade.payment),
            "created": iso(trade.created),
            "items": [f"{line.title} ×{line.num}" for line in trade.lines],
            "memo": trade.seller_memo,
            "waybill": next((line.waybill for line in trade.lines if line.waybill), ""),
            "refund": last and {"refund_id": last.refund_id, "amount": yuan(last.fee), "status": last.status},
        }

    def seed_week(self, seed: int = 20260105) -> int:
        """A week of about 100 orders in both shops; how many, 0 when there were orders already."""
        count = seed_week(self.books, seed=seed, counts=WEEK)
        self._world.publish({"event": "shop"})
        return count

    async def _buyer(self, request: web.Request) -> web.Response:
        """POST {tid, amount (yuan), reason}: the console's 买家申请退款 button."""
        if request.remote not in LOOPBACK:
            return web.json_response({"error": "only from this machine"}, status=403)
        try:
            body = await request.json()
            if not isinstance(body, dict):
                raise BadPayload("expected {tid, amount, reason}")
            answer = self.buyer_applies(
                str(body.get("tid", "")), fen(body.get("amount", "")), str(body.get("reason") or "")
            )
        except Refusal as refusal:
            return web.json_response({"error": str(refusal)}, status=refusal.status)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)
