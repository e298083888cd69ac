"""`policies:` of the settings as domain rules, stamped with a version that says which rules they were."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import timedelta
from typing import Any

from bot.schema import read
from bot.settings_file import Document
from bot.work_days import with_holidays
from domain.money import Money
from domain.policy import Policies


def read_policies(document: Document) -> Policies:
    """The rules, with defaults for what is not written."""
    data = document.data.get("policies", {})
    policies = read(document, Policies, data, ("policies",), skip=frozenset({"version"}))
    refund = policies.refund
    if refund.confirm_above.currency != refund.auto_limit.currency:
        document.fault(("policies", "refund", "confirm_above"), "要和 auto_limit 用同一种货币")
    for name, days in dataclasses.asdict(policies.keep).items():
        if days < 1:
            document.fault(("policies", "keep", name), f"至少保留 1 天，现在是 {days}")
    for where, text in policies.sla.faults():
        document.fault(("policies", "sla", *where), text)
    for where, text in policies.rooms.faults():
        document.fault(("policies", "rooms", *where), text)
    policies = with_holidays(policies)
    return dataclasses.replace(policies, version=version_of(policies))


def version_of(policies: Policies) -> str:
    """First 8 hex digits of the SHA-256 of what the rules say, however they were written."""
    rules = _canonical(policies)
    rules.pop("version")
    text = json.dumps(rules, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _canonical(value: Any) -> Any:
    if isinstance(value, Money):
        return f"{value.minor} {value.currency}"
    if dataclasses.is_dataclass(value):
        return {f.name: _canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): _canonical(one) for key, one in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(str(item) for item in value)
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    return value
