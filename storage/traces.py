"""The story of one message, from callback to delivery, out of inbox, audit, outbox and attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.masks import mask_phones_in
from domain.outbox import Body, Effect, RefreshCard, SendCard, SendFile, SendText
from domain.ports import StoryLine
from storage.among import among
from storage.engines import Engines
from storage.instants import from_micros
from storage.outgoing_codec import decode_body
from storage.tables import audit, inbox, outbox, outbox_attempts

MIN_PREFIX = 6
_MAX_PAYLOAD = 1500  # characters of a payload that are shown
_TRACED = (inbox, audit, outbox)
_STATES = {"ready": "等待", "running": "处理中", "done": "完成", "dead": "停下等人处理", "given_up": "已放弃"}
_OUTCOMES = {
    "done": "成功",
    "retry": "失败，稍后重试",
    "unsent": "没有发出，稍后重试",
    "dead": "失败，已放弃",
    "lost": "中断，没有结果",
    "left": "这个版本不认识，留给更新的版本",
}


class SqlTraces:
    """`domain.ports.Traces` on SQL."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def story(self, trace: str) -> Sequence[StoryLine]:
        """A prefix of less than six characters, or one that fits several traces, tells nothing."""
        return await self._engines.scan(partial(_story, trace=trace.strip()))


def _story(connection: Connection, *, trace: str) -> list[StoryLine]:
    trace_id = _find(connection, trace)
    if trace_id is None:
        return []
    lines = [
        *_inbox_lines(connection, trace_id),
        *_audit_lines(connection, trace_id),
        *_outbox_lines(connection, trace_id),
    ]
    return sorted(lines, key=lambda line: line.at)


def _find(connection: Connection, trace: str) -> str | None:
    """The trace id that this is, or of which it is the only one to begin so."""
    if not trace:
        return None
    for table in _TRACED:
        exact = sa.select(table.c.trace_id).where(table.c.trace_id == trace).limit(1)
        if connection.execute(exact).first() is not None:
            return trace
    if len(trace) < MIN_PREFIX:
        return None
    found: set[str] = set()
    for table in _TRACED:
        column = table.c.trace_id
        begins = sa.and_(column >= trace, column < trace + "\U0010ffff")
        found.update(connection.execute(sa.select(column).where(begins).distinct().limit(2)).scalars())
    return found.pop() if len(found) == 1 else None


def _inbox_lines(connection: Connection, trace_id: str) -> Iterator[StoryLine]:
    for row in _rows(connection, inbox, trace_id):
        payload = row.payload.decode(errors="replace")
        cut = payload if len(payload) <= _MAX_PAYLOAD else payload[:_MAX_PAYLOAD] + "…"
        text = f"收到 {row.platform}:{row.app} {row.kind}（{row.key}）：{cut}"
        yield StoryLine(from_micros(row.received_at), "inbox", mask_phones_in(text))
        ended = row.finished_at if row.finished_at is not None else row.claimed_at
        if ended is None:
            continue
        parts = [f"处理{_STATES[row.state]}，第 {row.attempts} 次", row.outcome, row.detail, row.error]
        yield StoryLine(from_micros(ended), "inbox", mask_phones_in("：".join(p for p in parts if p)))


def _audit_lines(connection: Connection, trace_id: str) -> Iterator[StoryLine]:
    for row in _rows(connection, audit, trace_id):
        text = f"{row.actor}（{row.origin}）{row.action} {row.subject_type}/{row.subject_id} {row.details}"
        yield StoryLine(from_micros(row.at), "audit", mask_phones_in(text))


def _outbox_lines(connection: Connection, trace_id: str) -> Iterator[StoryLine]:
    rows = _rows(connection, outbox, trace_id)
    for row in rows:
        state = f"{_STATES[row.state]}，{row.attempts} 次" if row.attempts else _STATES[row.state]
        text = f"待发 {row.key} {_what(row.body)}（{state}）"
        yield StoryLine(from_micros(row.created_at), "outbox", mask_phones_in(text))
    keys = {row.id: row.key for row in rows}
    if not keys:
        return
    t = outbox_attempts.c
    tries = sa.select(outbox_attempts).where(among(t.outbox_id, keys)).order_by(t.id)
    for row in connection.execute(tries):
        milliseconds = (row.finished_at - row.started_at) // 1000
        outcome = _OUTCOMES.get(row.outcome, row.outcome)
        text = f"{keys[row.outbox_id]} 第 {row.attempt} 次：{outcome}（{milliseconds} 毫秒）"
        text += f" {row.error}" if row.error else ""
        yield StoryLine(from_micros(row.finished_at), "attempt", mask_phones_in(text))


def _rows(connection: Connection, table: sa.Table, trace_id: str) -> Sequence[Any]:
    return connection.execute(sa.select(table).where(table.c.trace_id == trace_id).order_by(table.c.id)).all()


def _what(text: str) -> str:
    try:
        return _describe(decode_body(text))
    except (ValueError, KeyError, TypeError):
        return text


def _describe(body: Body) -> str:
    match body:
        case SendText(to, words):
            return f"文字 → {to.lane}：{words}"
        case SendCard(to, subject):
            return f"卡片 {subject.type}/{subject.id} → {to.lane}"
        case SendFile(to, file_id):
            return f"文件 {file_id[:8]} → {to.lane}"
        case RefreshCard(card_id):
            return f"更新卡片 {card_id}"
        case Effect(name, subject, args):
            given = " ".join(f"{k}={v}" for k, v in args.items())
            return f"{name} {subject.type}/{subject.id} {given}".rstrip()
