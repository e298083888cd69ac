"""Trade methods: lists by change and creation time, detail, seller memo, receivers (platforms.md §3.1)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.shops.taobao import switches
from sandbox.shops.taobao.amounts import time_text
from sandbox.shops.taobao.buyers import follow_memo
from sandbox.shops.taobao.calls import DAY_MS, Call, Method, page
from sandbox.shops.taobao.errors import business, invalid
from sandbox.shops.taobao.model import CLOSED, CLOSED_UNPAID, Trade
from sandbox.shops.taobao.quota import spend_decrypts
from sandbox.shops.taobao.views import oaid, trade_view, wanted

HISTORY_MS = 92 * DAY_MS
MAX_MEMO_BYTES = 1000
SCENES = frozenset({"1001", "1002", "1003", "1004", "1005", "1006", "1007", "2001", "2002"})
MAX_DECRYPTS = 20


def _window(call: Call, start_name: str, end_name: str, longest_ms: int) -> tuple[int, int]:
    start, end = call.moment(start_name), call.moment(end_name)
    if end < start:
        raise invalid(end_name, f"不能早于 {start_name}")
    if end - start > longest_ms:
        raise invalid(end_name, f"与 {start_name} 相差不能超过 {longest_ms // DAY_MS} 天")
    if start < call.now_ms - HISTORY_MS:
        raise invalid(start_name, "只能查询最近三个月的交易")
    return start, end


def _answer(call: Call, rows: list[Trade]) -> dict[str, Any]:
    fields = wanted(call.params)
    status = call.params.get("status")
    rows = [row for row in rows if row.shop == call.shop and (not status or row.status == status)]
    rows.sort(key=lambda row: (row.modified, row.tid), reverse=True)
    shown, totals = page(call, rows)
    views = [trade_view(row, call.app_key, fields) for row in shown]
    _churn(call, rows)
    return {"trades": {"trade": views}, **totals} if views else totals


def _churn(call: Call, rows: list[Trade]) -> None:
    """Let orders of the middle of the list change while somebody is paging through it."""
    middle = len(rows) // 2
    for row in rows[middle : middle + int(switches.number(call.books.world, "churn"))]:
        call.books.save_trade(row)


def increment(call: Call) -> dict[str, Any]:
    """Both ends inclusive, to the second, at most one day."""
    start, end = _window(call, "start_modified", "end_modified", DAY_MS)
    lag = int(switches.number(call.books.world, "index_lag_s") * 1000)
    newest = call.now_ms - lag if lag else end + 1000
    rows = [
        t for t in call.books.trades.values() if start <= t.modified < end + 1000 and t.modified <= newest
    ]
    return _answer(call, rows)


def sold(call: Call) -> dict[str, Any]:
    """By creation time, three months by default."""
    params = call.params
    params["start_created"] = params.get("start_created") or time_text(call.now_ms - 90 * DAY_MS)
    params["end_created"] = params.get("end_created") or time_text(call.now_ms)
    start, end = _window(call, "start_created", "end_created", HISTORY_MS)
    return _answer(call, [t for t in call.books.trades.values() if start <= t.created < end + 1000])


def fullinfo(call: Call) -> dict[str, Any]:
    fields = wanted(call.params)
    if call.params.get("include_oaid"):
        fields |= {"oaid"}
    return {"trade": trade_view(call.trade(), call.app_key, fields)}


def memo_update(call: Call) -> dict[str, Any]:
    trade = call.trade()
    memo = call.params.get("memo", "")
    if len(memo.encode()) > MAX_MEMO_BYTES:
        raise invalid("memo", f"最长 {MAX_MEMO_BYTES} 个字节")
    if call.params.get("flag"):
        trade.seller_flag = call.whole("flag", 0, least=0, most=5)
    before, trade.seller_memo = trade.seller_memo, memo
    call.books.save_trade(trade)
    follow_memo(call.books, trade, before)
    return {"trade": {"tid": trade.tid, "modified": time_text(trade.modified)}}


def decrypt(call: Call) -> dict[str, Any]:
    """Clear receiver data; closed orders answer a rule instead."""
    try:
        queries = json.loads(call.text("query_list"))
    except ValueError as error:
        raise invalid("query_list", "应为 JSON 数组") from error
    if not isinstance(queries, list) or not 1 <= len(queries) <= MAX_DECRYPTS:
        raise invalid("query_list", f"每次 1 到 {MAX_DECRYPTS} 个")
    spend_decrypts(call.books, call.app_key, len(queries))
    return {"receiver_list": {"receiver": [_receiver(call, query) for query in queries]}}


def _receiver(call: Call, query: Any) -> dict[str, Any]:
    if not isinstance(query, dict) or str(query.get("scene")) not in SCENES:
        raise invalid("query_list", "每项要有 oaid、tid 和允许的 scene")
    trade = call.books.trades.get(str(query.get("tid")))
    if trade is None or trade.shop != call.shop:
        raise business("trade-not-exist", "交易不存在")
    answer: dict[str, Any] = {"tid": trade.tid, "oaid": query.get("oaid")}
    if query.get("oaid") != oaid(trade, call.app_key):
        return answer | {"matched": False}
    if trade.status in (CLOSED, CLOSED_UNPAID):
        return answer | {"matched": True, "desensitize_rule": "trade-closed"}
    private = switches.is_on(call.books.world, "privacy_number")
    who = trade.receiver
    answer |= {
        "name": who.name,
        "mobile": f"18800001111-{who.phone[-4:]}" if private else who.phone,
        "privacy_protection": private,
        "state": who.state,
        "city": who.city,
        "district": who.district,
        "town": who.town,
        "address_detail": who.address,
        "matched": True,
    }
    if private:
        answer["secret_no_expire_time"] = time_text(call.now_ms + 15 * DAY_MS)
    return answer


def server_time(call: Call) -> dict[str, Any]:
    return {"time": time_text(call.now_ms)}


METHODS = {
    "taobao.trades.sold.increment.get": Method(increment),
    "taobao.trades.sold.get": Method(sold),
    "taobao.trade.fullinfo.get": Method(fullinfo),
    "taobao.trade.memo.update": Method(memo_update),
    "taobao.top.oaid.decrypt": Method(decrypt),
    "taobao.time.get": Method(server_time, needs_session=False),
}
