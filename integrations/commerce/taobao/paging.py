"""Reading a list that moves while it is read: small windows, last page first (platforms.md §1.2, §3.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.ports import RemoteTemporary, Window
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.formats import identifier, rows, time_text

METHOD = "taobao.trades.sold.increment.get"
PAGE_SIZE = 100
MAX_WINDOW = timedelta(minutes=30)
LONGEST_WINDOW = timedelta(hours=23)  # a day at most, and ends are rounded up to seconds
MAX_WALKS = 5


def split(window: Window, longest: timedelta = MAX_WINDOW) -> Iterator[Window]:
    """The window in parts of at most `longest`, without gaps."""
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        yield Window(start, end)
        start = end


@dataclass(frozen=True)
class _Top:
    """The newest row of the list, and how many there were, when a walk began."""

    total: int
    tid: str
    modified: str


async def walk(client: TopClient, window: Window, fields: str) -> AsyncIterator[dict[str, Any]]:
    """Every trade modified in the window, some maybe twice.

    The list is newest first. A row that changes leaves a past window, and rows move towards page 1: walking
    from the last page, nothing slips past. In a window that is still open a changed row comes in on top and
    pushes others back onto pages already read; then page 1 shows a new top, and the walk starts over.
    """
    for _ in range(MAX_WALKS):
        top = await _count(client, window)
        newest: list[dict[str, Any]] = []
        for number in range(-(-top.total // PAGE_SIZE), 0, -1):
            newest = await _page(client, window, fields, number)
            for trade in newest:
                yield trade
        if not newest or not _came_in(top, newest[0]):
            return
    raise RemoteTemporary("订单变动太快，这一段没有读完，稍后重读")


async def count(client: TopClient, window: Window) -> int:
    """The platform's own total for a half-open window of whole seconds; its ends are both included."""
    last = Window(window.start, max(window.start, window.end - timedelta(seconds=1)))
    return (await _count(client, last)).total


def _came_in(top: _Top, row: dict[str, Any]) -> bool:
    return identifier(row, "tid") != top.tid and str(row.get("modified", "")) >= top.modified


def _window_args(window: Window) -> dict[str, str]:
    """The platform counts whole seconds, both ends included: the end is rounded up."""
    end = window.end if window.end.microsecond == 0 else window.end + timedelta(seconds=1)
    return {"start_modified": time_text(window.start), "end_modified": time_text(end)}


async def _count(client: TopClient, window: Window) -> _Top:
    args = {"fields": "tid,modified", "page_no": "1", "page_size": "1", "use_has_next": "false"}
    answer = await client.call(METHOD, args | _window_args(window))
    first = next(iter(rows(answer, "trades", "trade")), {})
    return _Top(
        int(answer.get("total_results") or 0), identifier(first, "tid"), str(first.get("modified", ""))
    )


async def _page(client: TopClient, window: Window, fields: str, number: int) -> list[dict[str, Any]]:
    args = {
        "fields": fields,
        "page_no": str(number),
        "page_size": str(PAGE_SIZE),
        "use_has_next": "true",
    }
    return rows(await client.call(METHOD, args | _window_args(window)), "trades", "trade")
