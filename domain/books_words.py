"""What the books' classes, rules and states are called, and the one line that explains each rule."""

from __future__ import annotations

from domain.books import Category, Difference, DifferenceState
from domain.money import Money

CATEGORY_NAMES = {
    Category.MISSING: "漏单",
    Category.DUPLICATE: "重复单",
    Category.AMOUNT: "金额不符",
    Category.UNSETTLED: "未结算",
    Category.RETURNED_NOT_REVERSED: "已退货未冲账",
    Category.CROSS_PERIOD: "跨期",
    Category.FEE: "手续费",
    Category.UNKNOWN: "无法归类",
}
STATE_NAMES = {
    DifferenceState.OPEN: "待处理",
    DifferenceState.TAKEN: "处理中",
    DifferenceState.ASKED: "核销待批",
    DifferenceState.WRITTEN_OFF: "已核销",
    DifferenceState.CLOSED: "已关闭",
}
KIND_NAMES = {"payment": "收款", "refund": "退款", "claim": "发货", "fee": "费用", "other": "其他"}
SIDE_NAMES = {"ours": "只有订单", "theirs": "只有账单", "both": "两边都有"}
RULE_NAMES = {
    "id": "单号一致",
    "id_prefix": "去掉账单前缀后单号一致",
    "provider_no": "支付流水号一致",
    "sub_order": "子订单号一致",
    "sub_orders": "子订单合计一致",
    "sums": "同一单号合计一致",
    "merged": "同一买家合并付款",
    "amount_time": "金额相同、时间相近且唯一",
    "tolerance": "在容差以内",
    "repeated_line": "账单里同一笔出现两次",
    "paid_twice": "同一订单付了两次",
    "refunded_twice": "同一订单同额退了两次",
    "booked_twice": "订单侧记了两次",
    "amounts": "单号一致，金额不同",
    "extra_payment": "订单已付清，账单又有一笔",
    "refund_unbooked": "账单有退款，订单没有",
    "not_in_orders": "账单有收款，没有这张订单",
    "order_unpaid": "账单已收款，订单还是未付款",
    "shipped_unpaid": "已发货，没有付款",
    "not_in_bill": "订单已付款，账单没有",
    "refund_not_in_bill": "已退款，账单没有冲账",
    "cancelled_not_refunded": "订单已取消，钱没有退",
    "bill_missing": "账单没有到",
    "not_completed": "买家还没确认收货，平台未打款",
    "near_midnight": "靠近零点，应在前后一天的账单里",
    "paid_other_day": "订单记在另一天",
    "amounts_other_day": "订单记在另一天，金额不同",
    "bill_other_day": "另一天的账单里有",
    "refund_other_day": "退款记在另一天",
    "fee_rate": "手续费和约定费率不符",
    "fee_row": "账单里单独的费用",
    "no_order_no": "账单没有订单号，也对不上金额和时间",
    "other_row": "不是收款、退款或手续费",
}


def rule_name(rule: str) -> str:
    return RULE_NAMES.get(rule, rule)


def category_name(category: str) -> str:
    return CATEGORY_NAMES[Category(category)] if category in set(Category) else category


def category_of(text: str) -> Category | None:
    """A class by what people call it (`漏单`), or by its code."""
    wanted = text.strip().casefold()
    for category, name in CATEGORY_NAMES.items():
        if wanted in (name, category.value):
            return category
    return None


def one_line(difference: Difference) -> str:
    """For lists and notices: class, what is in question, and whose order."""
    name = CATEGORY_NAMES[difference.category]
    what = difference.order_no or difference.provider_no or difference.account or "—"
    return f"{name} {Money(difference.stake)} {what}"
