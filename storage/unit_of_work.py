"""One use case's reads and its one short transaction (DESIGN.md §3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.clock import Clock
from domain.outbox import Body, Outgoing, Priority
from storage import audit_rows, outbox, outgoing_rows
from storage.alerts import SqlAlerts
from storage.books import SqlBooks
from storage.digests import SqlDigests
from storage.engines import Engines
from storage.errors import TakenOver
from storage.exceptions import SqlExceptions
from storage.housekeeping import SqlHousekeeping
from storage.inbox import done_values
from storage.instants import to_micros
from storage.items import RUNNING
from storage.job_runs import SqlJobRuns
from storage.kept_files import SqlKeptFiles
from storage.letters import SqlLetters
from storage.order_changes import SqlOrderChanges
from storage.orders import SqlOrders, write_order
from storage.pending import Pending
from storage.queue import move
from storage.refunds import SqlRefunds, write_refund
from storage.rooms import SqlRooms
from storage.secrets import DataKeys
from storage.sent_cards import SqlSentCards, write_card
from storage.subject_lock import hold_changed
from storage.sync_states import SqlSyncStates
from storage.tables import inbox as inbox_table
from storage.traces import SqlTraces
from storage.usage import SqlUsage
from storage.wake import Wake


@dataclass(frozen=True)
class Wakes:
    """Set after a commit that gives somebody in this process something to do."""

    outbox: Wake
    orders: Wake


class SqlUnitOfWork:
    """`domain.ports.UnitOfWork` on SQL, plus the two `finish_…` that tie a queue's row to the change.

    Reads see the committed state, not what is held back here. After `commit` it may go on with further
    changes; after a failed commit it is unusable, because what the use case decided on is out of date.
    """

    def __init__(
        self, engines: Engines, clock: Clock, keys: DataKeys, wakes: Wakes, trace_id: str, owner: str
    ) -> None:
        self.trace_id = trace_id
        self._owner = owner
        self._engines = engines
        self._clock = clock
        self._keys = keys
        self._wakes = wakes
        self._pending = Pending()
        self._failed = False
        self.orders = SqlOrders(engines, keys, self._pending)
        self.refunds = SqlRefunds(engines, self._pending)
        self.cards = SqlSentCards(engines, self._pending)
        self.traces = SqlTraces(engines)
        self.changes = SqlOrderChanges(engines, self._pending)
        self.jobs = SqlJobRuns(engines, self._pending)
        self.sync = SqlSyncStates(engines, keys, self._pending)
        self.alerts = SqlAlerts(engines, self._pending)
        self.exceptions = SqlExceptions(engines, self._pending)
        self.rooms = SqlRooms(engines, self._pending)
        self.books = SqlBooks(engines, self._pending, self.orders)
        self.digests = SqlDigests(engines, self._pending)
        self.files = SqlKeptFiles(engines, self._pending)
        self.usage = SqlUsage(engines, self._pending)
        self.letters = SqlLetters(engines, self._pending, owner)
        self.housekeeping = SqlHousekeeping(engines)

    def audit(self, entry: AuditEntry) -> None:
        self._pending.audits.append(entry)

    def send(
        self, body: Body, *, key: str = "", priority: Priority = Priority.ANSWER, due: datetime | None = None
    ) -> None:
        self._pending.outgoing.append(Outgoing(key, body, self.trace_id, priority, due))

    def touch(self, subject: SubjectRef, *, within: float = 0.0) -> None:
        touched = self._pending.touched
        touched[subject] = min(within, touched.get(subject, within))

    def finish_inbox(self, item_id: int, outcome: str, detail: str = "") -> None:
        """Mark the inbox row done with this commit; TakenOver when another worker has it by then."""
        self._pending.inbox[item_id] = (outcome, detail)

    def finish_outbox(self, item_id: int, result: Mapping[str, object]) -> None:
        """Mark the outbox row delivered with this commit; TakenOver when it is finished already."""
        self._pending.outbox[item_id] = result

    async def commit(self) -> None:
        """Write everything held back, in one transaction. Raises Conflict or StorageUnavailable."""
        if self._failed:
            raise RuntimeError("this unit of work has failed: start a new one and decide again")
        if not self._pending:
            return
        self._failed = True
        sends = bool(self._pending.outgoing or self._pending.touched or self._pending.outbox)
        orders = bool(self._pending.orders or self._pending.later)
        await self._engines.write(self._write)
        self._failed = False
        self._pending.clear()
        if sends:
            self._wakes.outbox.set()
        if orders:
            self._wakes.orders.set()

    def _write(self, connection: Connection) -> None:
        pending, now = self._pending, to_micros(self._clock.now())
        # Guards first: who lost the race finds out before the rest is written.
        for item_id, (outcome, detail) in pending.inbox.items():
            values = done_values(now, outcome, detail)
            if not move(connection, inbox_table, item_id, (RUNNING,), values, self._owner):
                raise TakenOver(f"inbox row {item_id} is not in our hands any more")
        for item_id, result in pending.outbox.items():
            if not outbox.finish(connection, item_id, result, now, self._owner):
                raise TakenOver(f"outbox row {item_id} is finished already")
        for order in pending.orders.values():
            write_order(connection, order, self._keys, now)
        for refund in pending.refunds.values():
            write_refund(connection, refund)
        for card in pending.cards.values():
            write_card(connection, card, now)
        for write in pending.later.values():
            write(connection, now)
        for outgoing in pending.outgoing:
            outgoing_rows.store(connection, outgoing, now)
        hold_changed(connection, pending.touched)
        for subject, within in pending.touched.items():
            outgoing_rows.refresh_cards(connection, subject, self.trace_id, now, within)
        audit_rows.append(connection, pending.audits)
