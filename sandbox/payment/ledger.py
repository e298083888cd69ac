"""What went through the simulated providers: one entry a payment or refund, kept in the world's store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date

from sandbox.payment.amounts import day_of, fee_of
from sandbox.world import Movement, World

PAYMENT, REFUND = "payment", "refund"
PROVIDERS = ("alipay", "wechatpay")
SWITCHES = {
    "payments.taobao_order_no": (
        "id",
        "the merchant order number of Taobao orders at Alipay: id (the order's own) or T200P (T200P + id)",
    ),
    "payments.book": ("on", "orders paid in the simulated shops are booked at the providers"),
}


@dataclass
class Entry:
    """`amount` fen, positive for refunds too; `fee` thousandths of a fen taken (a refund's: given back).

    `at`, `created`: when it was done and begun; `bill_at`: the moment under which bills list it, 0 for in none.
    `known`: whether the provider's query tells of it. `planted`: what a test did to it.
    """

    id: str
    provider: str
    kind: str
    order_no: str
    provider_no: str
    amount: int
    fee: int
    created: int
    at: int
    bill_at: int
    refund_no: str = ""
    provider_refund_no: str = ""
    subject: str = ""
    buyer: str = ""
    shop: str = ""
    known: bool = True
    planted: str = ""

    @property
    def is_refund(self) -> bool:
        return self.kind == REFUND

    @property
    def signed(self) -> int:
        return -self.amount if self.is_refund else self.amount


class Ledger:
    """All entries, by id and by bill day."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries = {key: Entry(**doc) for key, doc in world.store.all("payment.entry")}
        self._numbers = max((int(doc["n"]) for _, doc in world.store.all("payment.number")), default=0)
        self._days: dict[tuple[str, date], dict[str, None]] = {}
        self._orders: dict[tuple[str, str], dict[str, None]] = {}
        for entry in self.entries.values():
            self._index(entry)
        world.describe_switches(SWITCHES)
        world.on_money.append(self.book)

    def next_number(self) -> int:
        self._numbers += 1
        self.world.store.put("payment.number", "n", {"n": self._numbers})
        return self._numbers

    def book(self, movement: Movement) -> None:
        """A simulated shop was paid or paid back. An entry that a test has changed stays as it was made."""
        if self.world.switch("payments.book", "on") != "on":
            return
        key = f"{movement.platform}/{movement.order_no}"
        if movement.undone:
            for found in list(self.anywhere(self._order_no(movement))):
                if found.id == key or found.id.startswith(f"{key}/"):
                    self.forget(found)
            return
        if movement.refund_no:
            key = f"{key}/{movement.refund_no}"
        known = self.entries.get(key)
        if movement.currency != "CNY" or movement.amount <= 0 or (known is not None and known.planted):
            return
        if known is not None and (known.amount, known.at) == (movement.amount, movement.at_ms):
            return
        self.save(self._entry(key, movement, known))

    def _entry(self, key: str, movement: Movement, known: Entry | None) -> Entry:
        if known is not None:
            fee, at = fee_of(movement.amount), movement.at_ms
            return replace(known, amount=movement.amount, fee=fee, created=at, at=at, bill_at=at)
        provider = "alipay" if movement.platform == "taobao" else "wechatpay"
        payment = self.entries.get(f"{movement.platform}/{movement.order_no}")
        return self.new(
            key,
            provider,
            REFUND if movement.refund_no else PAYMENT,
            self._order_no(movement),
            movement.amount,
            movement.at_ms,
            provider_no=payment.provider_no if movement.refund_no and payment else "",
            refund_no=movement.refund_no,
            subject=movement.subject,
            buyer=movement.buyer,
            shop=movement.shop,
        )

    def _order_no(self, movement: Movement) -> str:
        form = self.world.switch("payments.taobao_order_no", "id")
        prefix = form if movement.platform == "taobao" and form != "id" else ""
        return f"{prefix}{movement.order_no}"

    def new(
        self,
        key: str,
        provider: str,
        kind: str,
        order_no: str,
        amount: int,
        at: int,
        *,
        provider_no: str = "",
        refund_no: str = "",
        subject: str = "",
        buyer: str = "",
        shop: str = "",
        planted: str = "",
    ) -> Entry:
        """An entry with numbers as long as real ones; not kept yet."""
        return Entry(
            id=key,
            provider=provider,
            kind=kind,
            order_no=order_no,
            provider_no=provider_no or self._provider_no(provider, at),
            amount=amount,
            fee=fee_of(amount),
            created=at,
            at=at,
            bill_at=at,
            refund_no=refund_no,
            provider_refund_no=self._refund_no(at) if kind == REFUND and provider == "wechatpay" else "",
            subject=subject or "商品",
            buyer=buyer,
            shop=shop,
            planted=planted,
        )

    def _provider_no(self, provider: str, at: int) -> str:
        """28 digits that tell the day."""
        day = f"{day_of(at):%Y%m%d}"
        if provider == "alipay":
            return f"{day}22001400{self.next_number():012d}"
        return f"4200000000{day}{self.next_number():010d}"

    def _refund_no(self, at: int) -> str:
        return f"50300000000{day_of(at):%Y%m%d}{self.next_number():010d}"

    def save(self, entry: Entry) -> None:
        old = self.entries.get(entry.id)
        if old is not None:
            self._unindex(old)
        self.entries[entry.id] = entry
        self._index(entry)
        self.world.store.put("payment.entry", entry.id, asdict(entry))
        self.world.publish({"event": "payment"})

    def forget(self, entry: Entry) -> None:
        self._unindex(entry)
        del self.entries[entry.id]
        self.world.store.delete("payment.entry", entry.id)

    def _index(self, entry: Entry) -> None:
        self._orders.setdefault((entry.provider, entry.order_no), {})[entry.id] = None
        if entry.bill_at:
            self._days.setdefault((entry.provider, day_of(entry.bill_at)), {})[entry.id] = None

    def _unindex(self, entry: Entry) -> None:
        self._orders[(entry.provider, entry.order_no)].pop(entry.id, None)
        if entry.bill_at:
            self._days[(entry.provider, day_of(entry.bill_at))].pop(entry.id, None)

    def of_day(self, provider: str, day: date) -> list[Entry]:
        """What a day's bill lists, in the order of time."""
        found = [self.entries[key] for key in self._days.get((provider, day), ())]
        return sorted(found, key=lambda entry: (entry.bill_at, entry.id))

    def of_order(self, provider: str, order_no: str) -> list[Entry]:
        """Everything of one merchant order number, payments first."""
        found = [self.entries[key] for key in self._orders.get((provider, order_no), ())]
        return sorted(found, key=lambda entry: (entry.is_refund, entry.at, entry.id))

    def known_of(self, provider: str, order_no: str) -> list[Entry]:
        """What the provider's query may tell."""
        return [entry for entry in self.of_order(provider, order_no) if entry.known]

    def anywhere(self, order_no: str) -> Iterator[Entry]:
        for provider in PROVIDERS:
            yield from self.of_order(provider, order_no)
