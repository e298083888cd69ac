"""Tasks and answers as JSON, between the server and the worker process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from domain.reconcile_engine import (
    BillInput,
    Classified,
    EngineRules,
    Found,
    OursFile,
    Sheet,
    Sum,
    Task,
    WorkbookTask,
)

_SUMS = ("classes", "rules", "accounts", "shops")


def to_json(value: Any) -> bytes:
    """Any of the port's dataclasses, or a mapping that holds them."""
    return orjson.dumps(value, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value)} has no JSON form")


def read_task(data: Mapping[str, Any]) -> Task:
    ours = data["ours"]
    return Task(
        ours=OursFile(**{**ours, "path": Path(ours["path"]), "subs": Path(ours["subs"])}),
        bills=_bills(data["bills"]),
        missing=tuple(data["missing"]),
        start_us=data["start_us"],
        end_us=data["end_us"],
        rules=EngineRules(**{**data["rules"], "order_prefixes": tuple(data["rules"]["order_prefixes"])}),
        listed=data["listed"],
    )


def read_workbook(data: Mapping[str, Any]) -> WorkbookTask:
    sheets = tuple(
        Sheet(sheet["name"], tuple(sheet["heads"]), tuple(tuple(row) for row in sheet["rows"]))
        for sheet in data["sheets"]
    )
    marks = {key: (outcome, number) for key, (outcome, number) in data["marks"].items()}
    return WorkbookTask(sheets, _bills(data["bills"]), marks, data["most"])


def _bills(data: list[Mapping[str, Any]]) -> tuple[BillInput, ...]:
    return tuple(BillInput(**{**bill, "path": Path(bill["path"])}) for bill in data)


def answer_to_json(answer: Classified) -> bytes:
    return orjson.dumps(asdict(answer))


def read_answer(text: bytes) -> Classified:
    data = orjson.loads(text)
    sums = {name: {key: Sum(**part) for key, part in data[name].items()} for name in _SUMS}
    found = tuple(Found(**one) for one in data["found"])
    return Classified(Sum(**data["total"]), found=found, seconds=data["seconds"], **sums)
