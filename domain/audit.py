"""Who did what, when, from where: one row for every change of state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.chat import SubjectRef


@dataclass(frozen=True)
class AuditEntry:
    """`actor` is a staff id, or `rule:<name>`, `shop:<code>`, `system`; `origin` the door and chat it came
    from (`wecom:main`, `dingtalk:main/cid…`, `cli`); `details` are JSON-able facts, PII masked."""

    at: datetime
    actor: str
    origin: str
    action: str
    subject: SubjectRef
    trace_id: str
    details: Mapping[str, object] = field(default_factory=dict)
