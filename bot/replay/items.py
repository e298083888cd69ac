"""An outcome as things with names and lines, so that two outcomes can be laid side by side.

Left out is what chance or the clock alone decides: traces of the clock's own work, times to the microsecond, revisions,
the version of the settings, tickets in addresses, ids that a platform gave. Everything a person reads or decides stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot.card_delivery import card_id_of
from bot.replay.players import masked
from bot.replay.recording import Outcome, Row

_TICKET = re.compile(r"(https?://[^\s?]+)\?\S+")
_SHORT = re.compile(r"(?<=[踪号] )[0-9a-f]{8}(?![0-9a-f])")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:+Z-]*")
_MICROS = 10**15  # larger integers are moments
_TIMES = frozenset({"at", "start", "due", "snoozed_until", "reply_until", "began", "finished"})
_CHANCE = frozenset(
    {"trace_id", "trace", "revision", "settings_version", "platform_id", "card_id", "turn", "seen", "file"}
)
SENT = {"send_text": "消息", "send_card": "卡片", "send_file": "文件", "effect": "动作"}


@dataclass(frozen=True)
class Item:
    """`kind` what it is, `name` which one, the same in both outcomes; several of one name (a card's pictures) stand in
    their order. `subject` and `trace` say whom to ask about it."""

    kind: str
    name: str
    subject: str
    trace: str
    lines: tuple[str, ...]


class Items:
    """`known` are the traces that both outcomes share: those of what came in."""

    def __init__(self, outcome: Outcome, known: frozenset[str]) -> None:
        self._outcome = outcome
        self._known = known
        self._short = frozenset(trace[:8] for trace in known)
        self._cards: dict[str, tuple[str, str]] = {}  # card id → (name, subject)

    def all(self) -> list[Item]:
        return [
            *self._inbox(),
            *self._outbox(),
            *self._shown(),
            *self._audit(),
            *self._runs(),
            *self._decided(),
        ]

    def _item(self, kind: str, name: str, subject: str, trace: str, lines: list[str]) -> Item:
        told = tuple(self._text(line) for line in lines)
        about = masked(subject, self._known)
        return Item(kind, masked(name, self._known), about, masked(trace, self._known), told)

    def _text(self, text: str) -> str:
        text = _TICKET.sub(r"\1?…", masked(text, self._known))
        return _SHORT.sub(lambda found: found[0] if found[0] in self._short else "*", text)

    def _inbox(self) -> Iterator[Item]:
        for row in self._outcome.inbox:
            name = f"{row['platform']}:{row['app']} {row['key']}"
            lines = [f"{row['state']} {row['outcome']}".strip(), *_some("detail", row), *_some("error", row)]
            yield self._item("收到", name, str(row["subject"]), str(row["trace_id"]), lines)

    def _outbox(self) -> Iterator[Item]:
        for row in self._outcome.outbox:
            document = orjson.loads(row["body"])
            if (
                document["type"] == "refresh_card"
            ):  # how often a card was looked at; what it showed is compared
                continue
            body = document["body"]
            subject = body.get("subject") or {"type": "", "id": ""}
            about = f"{subject['type']}:{subject['id']}" if subject["type"] else str(row["lane"])
            item = self._item(
                SENT.get(document["type"], document["type"]),
                str(row["key"]),
                about,
                str(row["trace_id"]),
                [*_sent_lines(row), *_body_lines(document["type"], body), *_result_lines(row)],
            )
            if document["type"] == "send_card":
                self._cards[card_id_of(str(row["key"]))] = (item.name, f"{item.subject} → {row['lane']}")
            yield item

    def _shown(self) -> Iterator[Item]:
        """Each card's pictures, one after the other; the same picture again is not another one."""
        before: dict[str, list[str]] = {}
        for row in self._outcome.shown:
            card, lines = str(row["card"]), [str(line) for line in row["lines"]]
            if before.get(card) == lines:
                continue
            before[card] = lines
            name, subject = self._cards.get(card, (card, card))
            yield self._item("画面", name, subject, str(row["trace"]), lines)

    def _audit(self) -> Iterator[Item]:
        for row in self._outcome.audit:
            about = f"{row['subject_type']}:{row['subject_id']}"
            details = flat("", orjson.loads(row["details"]))
            lines = [f"{row['action']} {row['actor']} {row['origin']}".rstrip(), *details]
            yield self._item("决定", f"{about} {row['action']}", about, str(row["trace_id"]), lines)

    def _runs(self) -> Iterator[Item]:
        for row in self._outcome.runs:
            lines = [str(row["state"]), *flat("", orjson.loads(row["counts"])), *_some("error", row)]
            yield self._item("任务", str(row["id"]), f"job:{row['job']}", "", lines)

    def _decided(self) -> Iterator[Item]:
        for table, rows in self._outcome.decided.items():
            for row in rows:
                if table == "digests":
                    lines = digest_lines(orjson.loads(row["content"]))
                    yield self._item("日报", str(row["id"]), f"digest:{row['id']}", "", lines)
                    continue
                about = f"{table}:{row['number']}"
                lines = [line for name, value in row.items() if _tells(name) for line in _column(name, value)]
                yield self._item("状态", about, about, str(row.get("trace_id", "")), lines)


def digest_lines(content: Mapping[str, Any]) -> list[str]:
    """The figures as people read them; the numbers behind them are averages down to the microsecond."""
    figures = [f"{figure['label']}: {figure['text']}" for figure in content["figures"]]
    return [f"{content['day']} {content['scope']}", *figures, *flat("series", content["series"])]


def _sent_lines(row: Row) -> list[str]:
    return [f"给 {row['lane']} 优先级 {row['priority']} {row['state']}"]


def _body_lines(kind: str, body: Mapping[str, Any]) -> list[str]:
    match kind:
        case "send_text":
            return str(body["text"]).splitlines()
        case "send_card":
            return [f"{name}: {value}" for name, value in sorted(body["params"].items())]
        case "send_file":
            return [str(body.get("note", ""))]
        case _:
            return [str(body["name"]), *(f"{name}: {value}" for name, value in sorted(body["args"].items()))]


def _result_lines(row: Row) -> list[str]:
    return [*flat("结果", orjson.loads(row["result"] or "{}")), *_some("error", row)]


def _some(name: str, row: Row) -> list[str]:
    return [f"{name}: {row[name]}"] if row[name] else []


def _column(name: str, value: Any) -> list[str]:
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        found = orjson.loads(value)
        if name == "rule" and isinstance(found, list):  # of a refund: name, version of the settings, facts
            rule, _version, facts = found
            found = {"name": rule, "facts": facts}
        return flat(name, found)
    return [f"{name}: {value}"] if value not in ("", None) else []


def flat(name: str, value: Any) -> list[str]:
    """JSON as lines, `facts.金额: ¥100.00`, without what chance or the clock decides."""
    if isinstance(value, dict):
        inner = ((key, item) for key, item in sorted(value.items()) if _tells(key))
        return [line for key, item in inner for line in flat(f"{name}.{key}".lstrip("."), item)]
    if isinstance(value, list):
        return [line for index, item in enumerate(value, 1) for line in flat(f"{name}[{index}]", item)]
    if isinstance(value, str):
        value = _MOMENT.sub("<时刻>", value)
    if isinstance(value, int) and value > _MICROS:
        value = "<时刻>"
    return [f"{name}: {value}"]


def _tells(name: str) -> bool:
    """Whether a column or key says something that two runs of one day must agree on."""
    return not (name in _TIMES or name in _CHANCE or name.endswith(("_at", "_cipher")))
