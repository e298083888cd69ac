"""Raising, settling and closing exceptions: the same matter is never raised twice, and every change is audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.audit import AuditEntry
from domain.chat import Recipient, SubjectRef
from domain.clock import shanghai
from domain.exception import CLOSED, OrderException, exception_subject, queue_subject
from domain.exception_rules import Wrong
from domain.numbers import number
from domain.order import Order
from domain.outbox import Priority, SendCard
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.staff import Staff

SYSTEM = "system"
FIXED = "情况已恢复"
TOGETHER = timedelta(minutes=10)
MOST_CARDS = 5  # of one kind within that time


@dataclass(frozen=True)
class Around:
    """The moment, the rules, and where a role is told."""

    now: datetime
    policies: Policies
    audience: Callable[[str], tuple[Recipient, ...]]


@dataclass(frozen=True)
class About:
    """What an exception is about, as people know it, and where it belongs."""

    subject: SubjectRef
    label: str
    shop_code: str = ""
    region: str = ""
    warehouse: str = ""


def about_order(order: Order) -> About:
    return About(
        SubjectRef("order", str(order.id)),
        order.key.platform_order_id,
        order.key.shop_code,
        order.region,
        order.warehouse,
    )


def new_number(now: datetime, kind: str, about: About) -> str:
    """`EX` + day + six random characters; unique by storage's key."""
    return number("EX", shanghai(now).date(), f"{kind}/{about.shop_code}/{about.label}")


async def settle(
    uow: UnitOfWork, about: About, wrong: Sequence[Wrong], around: Around, *, kinds: Sequence[str]
) -> list[OrderException]:
    """Make the open exceptions of a subject, as far as they are of `kinds`, exactly those that are wrong now:
    raise what is new, change what changed, end what is over. What was raised or turned red; `tell` says it. The
    caller commits."""
    open_now = {one.kind: one for one in await uow.exceptions.open_of(about.subject) if one.kind in kinds}
    settled = {one.kind: one for one in await uow.exceptions.closed_of(about.subject)} if wrong else {}
    raised: list[OrderException] = []
    for one in wrong:
        known = open_now.pop(one.kind, None)
        if known is not None:
            raised += _change(uow, known, one, around)
        elif not _decided(settled.get(one.kind), one):
            raised.append(_raise(uow, about, one, around))
    for over in open_now.values():
        close(uow, over, FIXED, None, SYSTEM, around.now)
    return raised


def _decided(before: OrderException | None, wrong: Wrong) -> bool:
    """A person has looked at exactly this and closed it."""
    return before is not None and before.closed_by != SYSTEM and dict(before.facts) == dict(wrong.facts)


def _raise(uow: UnitOfWork, about: About, wrong: Wrong, around: Around) -> OrderException:
    item = OrderException(
        number=new_number(around.now, wrong.kind, about),
        kind=wrong.kind,
        subject=about.subject,
        red=wrong.red,
        facts=wrong.facts,
        rule=f"exceptions.{wrong.kind}",
        settings_version=around.policies.version,
        raised_at=around.now,
        trace_id=uow.trace_id,
        label=about.label,
        shop_code=about.shop_code,
        region=about.region,
        warehouse=about.warehouse,
    )
    uow.exceptions.save(item)
    audit(uow, item, "exception.raised", SYSTEM, "rule", around.now, dict(wrong.facts))
    return item


async def tell(uow: UnitOfWork, raised: Sequence[OrderException], around: Around) -> None:
    """A card each, or the queue's card when many of a kind come at once: five in ten minutes are read, fifty are
    not."""
    for kind in dict.fromkeys(item.kind for item in raised):
        items = [item for item in raised if item.kind == kind]
        lately = await uow.exceptions.raised_since(kind, around.now - TOGETHER)
        if lately + len(items) <= MOST_CARDS:
            for item in items:
                _tell_one(uow, item, around)
            continue
        _tell_queue(uow, items, around)


def _tell_queue(uow: UnitOfWork, items: Sequence[OrderException], around: Around) -> None:
    """Its card shows whatever is open when it is drawn; one is sent in each span of time."""
    kind = items[0].kind
    span = int(around.now.timestamp() // TOGETHER.total_seconds())
    priority = Priority.RED if any(item.red for item in items) else Priority.YELLOW
    for to in around.audience(around.policies.exceptions.raci(kind).responsible.value):
        uow.send(
            SendCard(to, queue_subject(kind)), key=f"exceptions.{kind}.{span}.{to.lane}", priority=priority
        )


def _tell_one(uow: UnitOfWork, item: OrderException, around: Around) -> None:
    """The responsible role, and for red ones the accountable one."""
    raci = around.policies.exceptions.raci(item.kind)
    roles = [raci.responsible, *([raci.accountable] if item.red else [])]
    found = dict.fromkeys(to for role in roles for to in around.audience(role.value))
    priority = Priority.RED if item.red else Priority.YELLOW
    for to in found:
        key = f"exception.{item.number}.{'red' if item.red else 'yellow'}.{to.lane}"
        uow.send(SendCard(to, exception_subject(item.number)), key=key, priority=priority)


def _change(uow: UnitOfWork, known: OrderException, wrong: Wrong, around: Around) -> list[OrderException]:
    """One that has turned red is told again: a yellow card may not be changeable any more (wecom.md §0)."""
    if dict(known.facts) == dict(wrong.facts) and known.red == wrong.red:
        return []
    item = replace(known, facts=wrong.facts, red=wrong.red)
    uow.exceptions.save(item)
    audit(uow, item, "exception.changed", SYSTEM, "rule", around.now, dict(wrong.facts))
    uow.touch(exception_subject(item.number))
    return [item] if item.red and not known.red else []


def take(uow: UnitOfWork, item: OrderException, staff: Staff, origin: str, now: datetime) -> None:
    """认领: this person looks after it."""
    taken = replace(item, owner=staff.id, owner_name=staff.name)
    uow.exceptions.save(taken)
    audit(uow, taken, "exception.taken", staff.id, origin, now, {})
    uow.touch(exception_subject(item.number))


def close(
    uow: UnitOfWork, item: OrderException, reason: str, staff: Staff | None, origin: str, now: datetime
) -> None:
    """With a reason: by a person, or by itself (`staff` None) when it is over."""
    actor = staff.id if staff else SYSTEM
    closed = replace(item, state=CLOSED, closed_at=now, closed_by=actor, reason=reason)
    uow.exceptions.save(closed)
    audit(uow, closed, "exception.closed", actor, origin, now, {"reason": reason})
    uow.touch(exception_subject(item.number))


def audit(
    uow: UnitOfWork,
    item: OrderException,
    what: str,
    actor: str,
    origin: str,
    now: datetime,
    details: Mapping[str, object],
) -> None:
    about = {"kind": item.kind, "subject": f"{item.subject.type}:{item.subject.id}", **details}
    uow.audit(AuditEntry(now, actor, origin, what, exception_subject(item.number), uow.trace_id, about))
