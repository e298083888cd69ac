"""The files of a day as tables, and the first, cheap look that takes most orders out of the way."""

from __future__ import annotations

from typing import Any

import duckdb

from domain.reconcile_engine import ANY_SHOP, BillInput, EngineRules, Task, Untied

_GROUP_ROWS = 5_000_000  # rows of one grouping: its table fits in a quarter of a gigabyte
_OURS = (
    "{'kind': 'VARCHAR', 'shop': 'VARCHAR', 'order_no': 'VARCHAR', 'refund_no': 'VARCHAR', 'amount': 'BIGINT',"
    " 'total': 'BIGINT', 'at_us': 'BIGINT', 'buyer': 'VARCHAR', 'flag': 'VARCHAR'}"
)
_BILL = (
    "{'kind': 'VARCHAR', 'provider_no': 'VARCHAR', 'order_no': 'VARCHAR', 'refund_no': 'VARCHAR',"
    " 'amount': 'BIGINT', 'fee': 'BIGINT', 'at_us': 'BIGINT', 'line': 'BIGINT'}"
)
_NO_BILL = (
    "(SELECT '' AS kind, '' AS provider_no, '' AS order_no, '' AS refund_no, 0::BIGINT AS amount, 0::BIGINT AS fee,"
    " 0::BIGINT AS at_us, 0::BIGINT AS line WHERE false)"
)
_SUBS = "{'order_no': 'VARCHAR', 'sub_no': 'VARCHAR'}"
_TEXTS = {
    _OURS: "['kind', 'shop', 'order_no', 'refund_no', 'buyer', 'flag']",
    _BILL: "['kind', 'provider_no', 'order_no', 'refund_no']",
    _SUBS: "['order_no', 'sub_no']",
}
# One order once on each side, both payments of the same amount, nothing odd about either: matched by its number.
# Two amounts of which one is counted negative are the same when the smaller is the larger turned round.
_HARD = """
INSERT INTO hard SELECT k, NOT bool_or(mine) FROM (
  SELECT k, true AS mine,
    CASE WHEN kind <> 'payment' OR flag = 'dead' OR amount <= 0 THEN NULL ELSE amount END AS plain
  FROM ours WHERE k % $parts = $part
  UNION ALL
  SELECT k, false, CASE WHEN kind <> 'payment' OR fee_off OR key = '' OR amount <= 0 THEN NULL ELSE -amount END
  FROM bill WHERE k % $parts = $part
) GROUP BY k HAVING count(*) <> 2 OR count(plain) <> 2 OR min(plain) <> -max(plain)
"""


def read_csv(path: str, columns: str) -> str:
    """A table function over a CSV of ours: typed, never guessed, a broken line is an error."""
    return (
        f"read_csv({text(path)}, columns = {columns}, header = true, delim = ',', quote = '', escape = '',"
        f" auto_detect = false, force_not_null = {_TEXTS[columns]})"
    )


def text(value: str) -> str:
    """An SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def settings(memory: str, temp: str) -> str:
    """`memory` as DuckDB reads it (`1GB`); what does not fit goes to `temp`. Nothing is fetched from anywhere."""
    return (
        f"SET memory_limit = {text(memory)}; SET temp_directory = {text(temp)};"
        " SET preserve_insertion_order = false; SET autoinstall_known_extensions = false;"
        " SET autoload_known_extensions = false; SET enable_progress_bar = false"
    )


def load(db: duckdb.DuckDBPyConnection, task: Task) -> None:
    """Tables `ours`, `bill`, `subs` and the small ones of the rules. Untied when a file is not what it was."""
    _rules(db, task)
    db.execute(
        f"CREATE TABLE ours AS SELECT *, hash(order_no) AS k FROM {read_csv(str(task.ours.path), _OURS)}"  # noqa: S608 - literals are quoted by text()
    )
    subs = read_csv(str(task.ours.subs), _SUBS)
    db.execute(f"CREATE VIEW subs AS SELECT * FROM {subs}")  # noqa: S608 - literals are quoted by text()
    parts = [_bill(bill, task.rules) for bill in task.bills] or [_bill(None, task.rules)]
    db.execute(f"CREATE TABLE bill AS {' UNION ALL '.join(parts)}")
    _check(db, task)


def find_hard(db: duckdb.DuckDBPyConnection) -> None:
    """Table `hard`: the hashes of the order numbers that are not simply matched. Parts keep it in memory."""
    db.execute("CREATE TABLE hard (k UBIGINT, no_ours BOOLEAN)")
    found = db.execute("SELECT (SELECT count(*) FROM ours) + (SELECT count(*) FROM bill)").fetchone()
    parts = 1 + (found[0] if found else 0) // _GROUP_ROWS
    for part in range(parts):
        whole = _HARD if parts > 1 else _HARD.replace("WHERE k % $parts = $part", "")
        db.execute(whole, {"parts": parts, "part": part} if parts > 1 else None)


def _rules(db: duckdb.DuckDBPyConnection, task: Task) -> None:
    rules = task.rules
    minute = 60_000_000
    for name, value in {
        "match_us": rules.match_minutes * minute,
        "cross_us": rules.cross_minutes * minute,
        "start_us": task.start_us,
        "end_us": task.end_us,
    }.items():
        db.execute(f"SET VARIABLE {name} = {int(value)}::BIGINT")
    db.execute(f"SET VARIABLE any_account = {text(rules.shop_account.get(ANY_SHOP, ''))}")
    _small(db, "shop_account (shop VARCHAR, account VARCHAR)", list(rules.shop_account.items()))
    _small(db, "tolerance (category VARCHAR, fen BIGINT)", list(rules.tolerance.items()))
    _small(db, "absent (account VARCHAR)", [(account,) for account in task.missing])


def _small(db: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    db.execute(f"CREATE TABLE {table}")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {table.split(' ')[0]} VALUES ({marks})", rows)  # noqa: S608 - names of our own


def _bill(bill: BillInput | None, rules: EngineRules) -> str:
    """One account's rows, as a query; `key` is the order number without the provider's prefix."""
    key = "order_no"
    for prefix in rules.order_prefixes:
        start = text(prefix)
        key = (
            f"CASE WHEN starts_with(order_no, {start}) AND length(order_no) > {len(prefix)}"
            f" THEN substr(order_no, {len(prefix) + 1}) ELSE {key} END"
        )
    ppm = rules.fee_ppm.get(bill.account) if bill else None
    due = (
        "NULL::BIGINT"
        if ppm is None
        else f"CASE WHEN kind = 'payment' THEN (amount * {int(ppm)} + 500000) // 1000000 END"
    )
    slack = int(rules.tolerance.get("fee", 0))
    source = read_csv(str(bill.path), _BILL) if bill else _NO_BILL
    account = text(bill.account if bill else "")
    return (
        f"SELECT {account} AS account, kind, provider_no, order_no, refund_no, amount, fee, at_us, line,"  # noqa: S608 - literals are quoted by text()
        f" {key} AS key, {due} AS fee_due, coalesce(abs(fee - fee_due) > {slack}, false) AS fee_off,"
        f" hash(key) AS k FROM {source}"
    )


def _check(db: duckdb.DuckDBPyConnection, task: Task) -> None:
    """What was read is what was written, row for row and fen for fen."""
    found = db.execute("SELECT count(*), coalesce(sum(amount), 0)::BIGINT FROM ours").fetchone()
    if found != (task.ours.rows, task.ours.amount):
        raise Untied(f"订单导出读到 {found}，应为 {(task.ours.rows, task.ours.amount)}")
    sums = "SELECT account, count(*), sum(amount)::BIGINT, sum(fee)::BIGINT FROM bill GROUP BY account"
    read = {account: tuple(rest) for account, *rest in db.execute(sums).fetchall()}
    for bill in task.bills:
        wanted = (bill.rows, bill.amount, bill.fee)
        if read.get(bill.account, (0, 0, 0)) != wanted:
            raise Untied(f"账单 {bill.account} 读到 {read.get(bill.account)}，应为 {wanted}")
