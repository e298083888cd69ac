"""What the books' engine must answer, in plain and slow Python written from docs/books.md alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from domain.reconcile_engine import EngineRules

T = TypeVar("T")
K = TypeVar("K")
MINUTE = 60_000_000
Key = tuple[str, str]


@dataclass(frozen=True)
class Ours:
    kind: str
    shop: str
    order_no: str
    refund_no: str
    amount: int
    total: int
    at_us: int
    buyer: str
    flag: str


@dataclass(frozen=True)
class Theirs:
    account: str
    kind: str
    provider_no: str
    order_no: str
    refund_no: str
    amount: int
    fee: int
    at_us: int
    line: int


@dataclass
class Unit:
    """One match or difference."""

    category: str
    rule: str
    ours: list[Ours] = field(default_factory=list)
    theirs: list[Theirs] = field(default_factory=list)
    stake: int = 0

    def booked(self) -> tuple[int, int]:
        return sum(o.amount for o in self.ours), sum(b.amount for b in self.theirs)


@dataclass
class Oracle:
    ours: list[Ours]
    theirs: list[Theirs]
    subs: Sequence[tuple[str, str]]
    missing: Sequence[str]
    start_us: int
    end_us: int
    rules: EngineRules
    units: list[Unit] = field(default_factory=list)

    def answer(self) -> list[Unit]:
        left_o, left_b = list(self.ours), list(self.theirs)
        self.claims = [o for o in left_o if o.kind == "claim"]
        left_o = [o for o in left_o if o.kind != "claim"]
        self.numbers = {o.order_no for o in self.ours}
        self.mapped = {b: self._map(b) for b in left_b}
        left_b = self._repeated(left_b)
        odd_b = [b for b in left_b if b.kind not in ("payment", "refund")]
        left_b = [b for b in left_b if b.kind in ("payment", "refund")]
        left_o, left_b, paired = self._pairs(left_o, left_b)
        left_o, left_b = self._sums(left_o, left_b)
        left_o, left_b = self._extra(left_o, left_b, paired)
        left_o, left_b = self._merged(left_o, left_b)
        left_o, left_b = self._near(left_o, left_b)
        self._alone(left_o, [*left_b, *odd_b])
        self._amiss()
        for unit in self.units:
            self._weigh(unit)
        return self.units

    def key(self, b: Theirs) -> str:
        return self.mapped[b][0]

    def bare(self, b: Theirs) -> str:
        for prefix in reversed(self.rules.order_prefixes):
            if b.order_no.startswith(prefix) and len(b.order_no) > len(prefix):
                return b.order_no[len(prefix) :]
        return b.order_no

    def _map(self, b: Theirs) -> tuple[str, str]:
        number = self.bare(b)
        how = "id" if number == b.order_no else "id_prefix"
        if number in self.numbers or b.kind not in ("payment", "refund"):
            return number, how
        if b.provider_no and b.provider_no in self.numbers:
            return b.provider_no, "provider_no"
        owners = {order for order, sub in self.subs if sub == number and number}
        return (owners.pop(), "sub_order") if len(owners) == 1 else (number, how)

    def _put(self, category: str, rule: str, ours: Sequence[Ours], theirs: Sequence[Theirs]) -> None:
        self.units.append(Unit(category, rule, list(ours), list(theirs)))

    def _repeated(self, rows: list[Theirs]) -> list[Theirs]:
        seen: Counter[tuple[object, ...]] = Counter()
        left = []
        for b in sorted(rows, key=lambda b: b.line):
            same = (b.account, b.kind, b.provider_no, self.bare(b), b.refund_no, b.amount, b.at_us)
            if b.provider_no and b.kind in ("payment", "refund") and seen[same]:
                self._put("duplicate", "repeated_line", [], [b])
            else:
                left.append(b)
            seen[same] += 1
        return left

    def _pairs(
        self, ours: list[Ours], theirs: list[Theirs]
    ) -> tuple[list[Ours], list[Theirs], set[tuple[str, str, int]]]:
        waiting: dict[tuple[str, str, int], list[Theirs]] = defaultdict(list)
        for b in sorted(theirs, key=lambda b: (b.at_us, b.account, b.line)):
            if self.key(b):
                waiting[self.key(b), b.kind, b.amount].append(b)
        left, paired, gone = [], set(), set()
        for o in sorted(ours, key=lambda o: (o.at_us, o.shop, o.refund_no)):
            place = (o.order_no, o.kind, o.amount)
            if waiting[place]:
                b = waiting[place].pop(0)
                self._put("matched", self.mapped[b][1], [o], [b])
                paired.add(place)
                gone.add(b)
            else:
                left.append(o)
        return left, [b for b in theirs if b not in gone], paired

    def _sums(self, ours: list[Ours], theirs: list[Theirs]) -> tuple[list[Ours], list[Theirs]]:
        by_o: dict[Key, list[Ours]] = _group(ours, lambda o: (o.order_no, o.kind))
        by_b: dict[Key, list[Theirs]] = _group(theirs, lambda b: (self.key(b), b.kind))
        both = [place for place in by_o if place in by_b and place[0]]
        for place in both:
            group_o, group_b = by_o.pop(place), by_b.pop(place)
            gap = sum(o.amount for o in group_o) - sum(b.amount for b in group_b)
            subs = all(self.mapped[b][1] == "sub_order" for b in group_b)
            rule = "amounts" if gap else "sub_orders" if subs else "sums"
            self._put("amount" if gap else "matched", rule, group_o, group_b)
        return [o for group in by_o.values() for o in group], [b for group in by_b.values() for b in group]

    def _extra(
        self, ours: list[Ours], theirs: list[Theirs], paired: set[tuple[str, str, int]]
    ) -> tuple[list[Ours], list[Theirs]]:
        groups = {(number, kind) for number, kind, _ in paired}
        left_o, left_b = [], []
        for b in theirs:
            same = (self.key(b), b.kind, b.amount) in paired
            if (self.key(b), b.kind) not in groups:
                left_b.append(b)
            elif same:
                self._put("duplicate", "paid_twice" if b.kind == "payment" else "refunded_twice", [], [b])
            elif b.kind == "payment":
                self._put("amount", "extra_payment", [], [b])
            else:
                self._put("missing", "refund_unbooked", [], [b])
        for o in ours:
            if (o.order_no, o.kind, o.amount) in paired:
                self._put("duplicate", "booked_twice", [o], [])
            else:
                left_o.append(o)
        return left_o, left_b

    def _merged(self, ours: list[Ours], theirs: list[Theirs]) -> tuple[list[Ours], list[Theirs]]:
        span = self.rules.match_minutes * MINUTE
        baskets: list[list[Ours]] = []
        people = _group([o for o in ours if o.kind == "payment" and o.buyer], lambda o: (o.shop, o.buyer))
        for rows in people.values():
            visit: list[Ours] = []
            for o in sorted(rows, key=lambda o: o.at_us):
                if visit and o.at_us - visit[-1].at_us > span:
                    baskets.append(visit)
                    visit = []
                visit.append(o)
            baskets.append(visit)
        baskets = [visit for visit in baskets if len(visit) > 1]

        def fits(visit: list[Ours], b: Theirs) -> bool:
            inside = visit[0].at_us - span <= b.at_us <= visit[-1].at_us + span
            return b.kind == "payment" and inside and sum(o.amount for o in visit) == b.amount

        pairs = [(n, b) for n, visit in enumerate(baskets) for b in theirs if fits(visit, b)]
        of_visit, of_bill = Counter(n for n, _ in pairs), Counter(b for _, b in pairs)
        for n, b in pairs:
            if of_visit[n] == 1 and of_bill[b] == 1:
                self._put("matched", "merged", baskets[n], [b])
                ours = [o for o in ours if not any(o is one for one in baskets[n])]
                theirs = [one for one in theirs if one is not b]
        return ours, theirs

    def _near(self, ours: list[Ours], theirs: list[Theirs]) -> tuple[list[Ours], list[Theirs]]:
        span = self.rules.match_minutes * MINUTE
        pairs = [
            (m, n)
            for m, o in enumerate(ours)
            for n, b in enumerate(theirs)
            if o.kind == b.kind and o.amount == b.amount and o.amount and abs(o.at_us - b.at_us) <= span
        ]
        of_o, of_b = Counter(m for m, _ in pairs), Counter(n for _, n in pairs)
        taken = [(m, n) for m, n in pairs if of_o[m] == 1 and of_b[n] == 1]
        for m, n in taken:
            self._put("matched", "amount_time", [ours[m]], [theirs[n]])
        gone_o, gone_b = {m for m, _ in taken}, {n for _, n in taken}
        return (
            [o for m, o in enumerate(ours) if m not in gone_o],
            [b for n, b in enumerate(theirs) if n not in gone_b],
        )

    def _alone(self, ours: list[Ours], theirs: list[Theirs]) -> None:
        unpaid: dict[str, tuple[list[Ours], list[Theirs]]] = {}
        for b in theirs:
            number = self.key(b)
            claims = [o for o in self.claims if o.order_no == number]
            if b.kind == "payment" and claims:
                unpaid.setdefault(number, (claims, []))[1].append(b)
            elif b.kind == "fee":
                self._put("fee", "fee_row", [], [b])
            elif b.kind not in ("payment", "refund"):
                self._put("unknown", "other_row", [], [b])
            elif not number:
                self._put("unknown", "no_order_no", [], [b])
            else:
                self._put("missing", "refund_unbooked" if b.kind == "refund" else "not_in_orders", [], [b])
        for o in self.claims:
            if o.order_no not in unpaid:
                self._put("missing", "shipped_unpaid", [o], [])
        for claims, rows in unpaid.values():
            self._put("missing", "order_unpaid", claims, rows)
        late: dict[str, list[Ours]] = defaultdict(list)
        for o in ours:
            account = self.rules.shop_account.get(o.shop, self.rules.shop_account.get("*", ""))
            if account in self.missing if account else self.missing:
                late[account].append(o)
                continue
            self._put(*self._ours_alone(o), [o], [])
        for rows_o in late.values():
            self._put("unsettled", "bill_missing", rows_o, [])

    def _ours_alone(self, o: Ours) -> tuple[str, str]:
        cross = self.rules.cross_minutes * MINUTE
        if o.flag == "waiting":
            return "unsettled", "not_completed"
        if o.at_us < self.start_us + cross or o.at_us >= self.end_us - cross:
            return "cross_period", "near_midnight"
        if o.kind == "refund":
            return "returned_not_reversed", "refund_not_in_bill"
        return "missing", "not_in_bill"

    def _amiss(self) -> None:
        returned = {o.order_no for o in self.ours if o.kind == "refund"}
        returned |= {self.key(b) for b in self.theirs if b.kind == "refund"}
        for unit in self.units:
            if unit.category != "matched":
                continue
            if any(
                o.kind == "payment" and o.flag == "dead" and o.amount > 0 and o.order_no not in returned
                for o in unit.ours
            ):
                unit.category, unit.rule = "returned_not_reversed", "cancelled_not_refunded"
            elif any(self._fee_off(b) for b in unit.theirs):
                unit.category, unit.rule = "fee", "fee_rate"

    def fee_due(self, b: Theirs) -> int | None:
        ppm = self.rules.fee_ppm.get(b.account)
        return None if ppm is None or b.kind != "payment" else (b.amount * ppm + 500_000) // 1_000_000

    def _fee_off(self, b: Theirs) -> bool:
        due = self.fee_due(b)
        return due is not None and abs(b.fee - due) > self.rules.tolerance.get("fee", 0)

    def _weigh(self, unit: Unit) -> None:
        ours, theirs = unit.booked()
        if unit.category == "matched":
            return
        unit.stake = abs(ours - theirs)
        if unit.rule == "fee_rate":
            dues = [self.fee_due(b) for b in unit.theirs]
            unit.stake = abs(
                sum(b.fee - (b.fee if due is None else due) for b, due in zip(unit.theirs, dues, strict=True))
            )
        elif unit.rule == "cancelled_not_refunded":
            unit.stake = abs(theirs)
        elif unit.rule == "shipped_unpaid":
            unit.stake = abs(sum(o.total for o in unit.ours))
        if unit.stake <= self.rules.tolerance.get(unit.category, 0):
            unit.category, unit.rule, unit.stake = "matched", "tolerance", unit.stake


def _group(rows: Sequence[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
