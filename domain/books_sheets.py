"""What stands in the Excel file of a day, as rows of text and numbers (yuan)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.books import BookDay, DayBooks, Difference
from domain.books_words import CATEGORY_NAMES, STATE_NAMES, category_name, rule_name
from domain.clock import shanghai
from domain.reconcile_engine import BillInput, Sheet, Sum, WorkbookTask

SALES, DIFFERENCES = "销售汇总", "差异清单"
_SALES_HEADS = (
    "项目",
    "名称",
    "订单笔数",
    "账单笔数",
    "应收金额（元）",
    "实收金额（元）",
    "差额（元）",
    "手续费金额（元）",
)
_DIFFERENCE_HEADS = (
    "差异单号",
    "类别",
    "情况",
    "状态",
    "店铺",
    "账户",
    "订单号",
    "退款单号",
    "支付流水号",
    "应收金额（元）",
    "实收金额（元）",
    "涉及金额（元）",
    "时间",
    "负责人",
    "结果",
)


def workbook_task(
    book: BookDay,
    differences: Sequence[Difference],
    bills: tuple[BillInput, ...],
    shop_name: Callable[[str], str],
) -> WorkbookTask:
    books = book.books
    assert books is not None
    marks = {f"{d.account}:{d.line}": (CATEGORY_NAMES[d.category], d.number) for d in differences if d.line}
    sheets = (_sales(book, books, shop_name), _differences(differences, shop_name))
    return WorkbookTask(sheets, bills, marks)


def _sales(book: BookDay, books: DayBooks, shop_name: Callable[[str], str]) -> Sheet:
    names = {bill.account: bill.name for bill in books.bills}
    rows = [_sum(book.day.isoformat(), "合计", books.total)]
    rows += [_sum("店铺", shop_name(shop), part) for shop, part in books.shops.items()]
    rows += [_sum("账户", names.get(account, "未定"), part) for account, part in books.accounts.items()]
    rows += [_sum("类别", category_name(name), part) for name, part in _ordered(books)]
    rows += [_sum("匹配规则", rule_name(rule), part) for rule, part in books.rules.items()]
    rows += [_sum("缺账单", f"{bill.name}：{bill.trouble}", Sum()) for bill in books.missing]
    return Sheet(SALES, _SALES_HEADS, tuple(rows))


def _ordered(books: DayBooks) -> list[tuple[str, Sum]]:
    matched = [("已对上", part) for name, part in books.classes.items() if name == "matched"]
    return matched + [(name, part) for name, part in sorted(books.classes.items()) if name != "matched"]


Row = tuple[str | int | float, ...]


def _sum(what: str, name: str, part: Sum) -> Row:
    money = (part.ours / 100, part.theirs / 100, (part.ours - part.theirs) / 100, part.fee / 100)
    return (what, name, part.ours_rows, part.bill_rows, *money)


def _differences(differences: Sequence[Difference], shop_name: Callable[[str], str]) -> Sheet:
    rows: list[Row] = [
        (
            d.number,
            CATEGORY_NAMES[d.category],
            rule_name(d.rule),
            STATE_NAMES[d.state],
            shop_name(d.shop_code) if d.shop_code else "",
            d.account,
            d.order_no,
            d.refund_no,
            d.provider_no,
            d.ours / 100,
            d.theirs / 100,
            d.stake / 100,
            f"{shanghai(d.at):%Y-%m-%d %H:%M:%S}",
            d.owner_name,
            d.outcome,
        )
        for d in sorted(differences, key=lambda d: (-d.stake, d.number))
    ]
    return Sheet(DIFFERENCES, _DIFFERENCE_HEADS, tuple(rows))
