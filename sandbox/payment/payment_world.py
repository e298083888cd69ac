"""The simulated providers as the control API drives them."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from sandbox import wishes
from sandbox.payment.alipay.gateway import AlipayGateway
from sandbox.payment.amounts import day_of, iso, rounded, yuan
from sandbox.payment.ledger import PROVIDERS, Entry, Ledger
from sandbox.payment.plants import plant
from sandbox.payment.wechatpay.gateway import WechatPayGateway
from sandbox.wishes import guarded
from sandbox.world import Refusal, World


class PaymentWorld:
    """One merchant account at each provider."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ledger = Ledger(world)
        self.alipay = AlipayGateway(self.ledger)
        self.wechatpay = WechatPayGateway(self.ledger)

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox`: the providers' own, and the control API's."""
        far = [("/payment/alipay", self.alipay.routes()), ("/payment/wechatpay", self.wechatpay.routes())]
        return [
            *(
                web.RouteDef(route.method, prefix + route.path, route.handler, route.kwargs)
                for prefix, routes in far
                for route in routes
            ),
            web.get("/payments", guarded(self._listing), allow_head=False),
            web.post("/payments", guarded(self._plant)),
        ]

    def credentials(self) -> dict[str, list[dict[str, Any]]]:
        """What a client's settings need, by provider; `account` is the name in the settings."""
        return {"alipay": [self.alipay.credential()], "wechatpay": [self.wechatpay.credential()]}

    async def _plant(self, request: web.Request) -> web.Response:
        """`{kind, order_no, …}` or `{plant: [{…}, …]}`; see sandbox/payment/plants.py."""
        body = await wishes.wish(request)
        wanted = wishes.rows(body, "plant") if "plant" in body else [body]
        found = [entry for wish in wanted for entry in plant(self.ledger, wish)]
        return wishes.reply({"payments": [_listed(entry) for entry in found]})

    async def _listing(self, request: web.Request) -> web.Response:
        """What the providers hold; `day` (bill day), `provider` and `order_no` narrow it down."""
        query = request.query
        day, provider, order_no = query.get("day", ""), query.get("provider", ""), query.get("order_no", "")
        if provider and provider not in PROVIDERS:
            raise Refusal(f"provider: no {provider!r}; expected one of {', '.join(PROVIDERS)}")
        wanted = [provider] if provider else list(PROVIDERS)
        if day:
            found = [entry for name in wanted for entry in self.ledger.of_day(name, _day(day))]
        elif order_no:
            found = list(self.ledger.anywhere(order_no))
        else:
            found = list(self.ledger.entries.values())
        shown = [e for e in found if e.provider in wanted and order_no in ("", e.order_no)]
        return wishes.reply({"payments": [_listed(entry) for entry in shown]})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refusal(f"day: expected yyyy-mm-dd, got {text!r}") from error


def _listed(entry: Entry) -> dict[str, Any]:
    """`amount`, `fee` in yuan as a bill would show them; `day` is the bill's, empty when it is in none."""
    return {
        "id": entry.id,
        "provider": entry.provider,
        "kind": entry.kind,
        "order_no": entry.order_no,
        "provider_no": entry.provider_no,
        "refund_no": entry.refund_no,
        "amount": yuan(entry.signed),
        "amount_fen": entry.signed,
        "fee": yuan(rounded(-entry.fee if entry.is_refund else entry.fee)),
        "at": iso(entry.at),
        "day": day_of(entry.bill_at).isoformat() if entry.bill_at else "",
        "shop": entry.shop,
        "known": entry.known,
        "planted": entry.planted,
    }
