"""Keeping a day's differences: the same thing keeps its number, owner and story however often it is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from domain.audit import AuditEntry
from domain.books import (
    BookDay,
    Category,
    Difference,
    DifferenceState,
    Note,
    difference_subject,
    reconcile_subject,
)
from domain.books_settle import Settled
from domain.books_words import CATEGORY_NAMES, rule_name
from domain.money import Money
from domain.numbers import number
from domain.ports import UnitOfWork
from domain.reconcile_engine import Found

SYSTEM = "系统"
ACTOR = "rule:reconcile"
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass
class Tally:
    """What a comparison did to the stored differences."""

    fresh: int = 0
    changed: int = 0
    closed: int = 0
    reopened: int = 0


@dataclass(frozen=True)
class Keeper:
    """Writes differences of one comparison. Caller commits."""

    uow: UnitOfWork
    now: datetime
    settings_version: str

    def keep(self, day: date, settled: Settled, known: Sequence[Difference]) -> Tally:
        tally = Tally()
        before = {difference.key: difference for difference in known}
        for found in settled.found:
            explained = found.key in settled.explained
            facts = {**_facts(found), **settled.facts.get(found.key, {})}
            old = before.pop(found.key, None)
            if old is None:
                self.uow.books.save_difference(self._new(day, found, facts, explained))
                tally.fresh += 1
            else:
                self._again(old, self._new(day, found, facts, explained), tally)
        for gone in before.values():
            if gone.open:
                self.close(gone, "重新对账后已对上")
                tally.closed += 1
        for other, words in settled.closes:
            self.close(other, words)
            tally.closed += 1
        return tally

    def close(self, difference: Difference, words: str) -> None:
        """It has explained itself."""
        note = Note(self.now, SYSTEM, words)
        closed = replace(
            difference,
            state=DifferenceState.CLOSED,
            asked_by="",
            asked_name="",
            reason="",
            outcome=words,
            notes=(*difference.notes, note),
            closed_at=self.now,
        )
        self.uow.books.save_difference(closed)
        self._told(closed, "difference.closed", {"outcome": words})

    def _again(self, old: Difference, new: Difference, tally: Tally) -> None:
        """The same thing as on the last comparison, perhaps with other figures."""
        figures = _refigured(old, new)
        if new.explained:
            if old.open:
                self.close(figures, new.facts.get("说明", "已由另一天的账解释"))
                tally.closed += 1
            return
        changed = _figures(old) != _figures(new)
        by_itself = old.state is DifferenceState.CLOSED and not old.reason
        if old.open and changed:
            tally.changed += 1
        elif not old.open and (by_itself or changed):
            figures = self._reopened(figures)
            tally.reopened += 1
        else:
            return
        self.uow.books.save_difference(figures)
        self._told(figures, "difference.changed", {"stake": new.stake, "rule": new.rule})

    def _reopened(self, difference: Difference) -> Difference:
        words = f"重新对账：{rule_name(difference.rule)}，涉及 {Money(difference.stake)}"
        return replace(
            difference,
            state=DifferenceState.TAKEN if difference.owner else DifferenceState.OPEN,
            asked_by="",
            asked_name="",
            reason="",
            outcome="",
            closed_at=None,
            notes=(*difference.notes, Note(self.now, SYSTEM, words)),
        )

    def _new(self, day: date, found: Found, facts: dict[str, str], explained: bool) -> Difference:
        outcome = facts.get("说明", "") if explained else ""
        return Difference(
            number=new_number(day, found.key),
            day=day,
            key=found.key,
            category=Category(found.category),
            rule=found.rule,
            kind=found.kind,
            side=found.side,
            account=found.account,
            shop_code=found.shop,
            order_no=found.order_no,
            refund_no=found.refund_no,
            provider_no=found.provider_no,
            ours=found.ours,
            theirs=found.theirs,
            stake=found.stake,
            at=_EPOCH + timedelta(microseconds=found.at_us),
            facts=facts,
            settings_version=self.settings_version,
            created_at=self.now,
            line=found.line,
            state=DifferenceState.CLOSED if explained else DifferenceState.OPEN,
            explained=explained,
            outcome=outcome,
            closed_at=self.now if explained else None,
            trace_id=self.uow.trace_id,
        )

    def _told(self, difference: Difference, action: str, details: dict[str, object]) -> None:
        subject = difference_subject(difference.number)
        self.uow.audit(AuditEntry(self.now, ACTOR, "job", action, subject, self.uow.trace_id, details))
        self.uow.touch(subject)
        self.uow.touch(reconcile_subject(difference.day), within=1.0)


def _figures(difference: Difference) -> tuple[object, ...]:
    d = difference
    return d.category, d.rule, d.ours, d.theirs, d.stake


def _refigured(old: Difference, new: Difference) -> Difference:
    """The new figures under the old number, with the old story."""
    return replace(
        old,
        category=new.category,
        rule=new.rule,
        side=new.side,
        account=new.account,
        provider_no=new.provider_no,
        ours=new.ours,
        theirs=new.theirs,
        stake=new.stake,
        facts=new.facts,
        settings_version=new.settings_version,
        line=new.line,
        explained=new.explained,
    )


def _facts(found: Found) -> dict[str, str]:
    """What the rule saw, for 为什么."""
    facts = {
        "类别": CATEGORY_NAMES[Category(found.category)],
        "应收": f"{Money(found.ours)}（{found.ours_rows} 行）",
        "实收": f"{Money(found.theirs)}（{found.bill_rows} 行）",
    }
    if found.line:
        facts["账单行"] = f"第 {found.line} 行"
    if found.rule == "fee_rate":
        facts["手续费"] = f"{Money(found.fee)}，按约定应为 {Money(found.fee_due)}"
    return facts


def new_number(day: date, key: str) -> str:
    """`DF` + day + six random characters: short enough to read aloud, unique by storage's key."""
    return number("DF", day, f"{day}/{key}")


def note_compared(uow: UnitOfWork, book: BookDay, tally: Tally, actor: str, now: datetime) -> None:
    """One audit row for the whole comparison: which bills, which sums, which rules."""
    books = book.books
    assert books is not None
    details: dict[str, object] = {
        "ours": books.total.ours,
        "theirs": books.total.theirs,
        "classes": {name: part.units for name, part in books.classes.items()},
        "missing_bills": [bill.account for bill in books.missing],
        "fresh": tally.fresh,
        "closed": tally.closed,
        "settings_version": book.settings_version,
    }
    subject = reconcile_subject(book.day)
    uow.audit(AuditEntry(now, actor, "job", "books.compared", subject, uow.trace_id, details))
