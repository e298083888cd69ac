"""WeChat Pay's bills, byte for byte (platforms.md §5.2): UTF-8 with BOM, CRLF, a backtick before every value."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.payment.amounts import clock_text, rounded, yuan, yuan5
from sandbox.payment.ledger import Entry

HEAD = ("交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识")
STATE = ("交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额")
REFUND_TIMES = ("退款申请时间", "退款成功时间")
REFUND = (
    *("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额"),
    *("退款类型", "退款状态"),
)
GOODS = ("商品名称", "商户数据包", "手续费", "费率", "订单金额")
HEADERS = {
    "ALL": (*HEAD, *STATE, *REFUND, *GOODS, "申请退款金额", "费率备注"),
    "SUCCESS": (*HEAD, *STATE, *GOODS, "费率备注"),
    "REFUND": (*REFUND_TIMES, *HEAD, *STATE, *REFUND, *GOODS, "申请退款金额", "费率备注"),
}
SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FUND_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_SUMS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
BOM = "\ufeff"


def _row(values: Sequence[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _text(lines: Sequence[str]) -> bytes:
    return (BOM + "".join(f"{line}\r\n" for line in lines)).encode()


def _fee(entry: Entry) -> int:
    """Negative when WeChat Pay gives it back."""
    return -entry.fee if entry.is_refund else entry.fee


def _cells(entry: Entry, merchant: str, app: str, paid: int) -> dict[str, str]:
    """`paid`: what the order came to, which a refund row repeats."""
    back = entry.is_refund
    return {
        "退款申请时间": clock_text(entry.created),
        "退款成功时间": clock_text(entry.bill_at),
        "交易时间": clock_text(entry.bill_at),
        "公众账号ID": app,
        "商户号": merchant,
        "特约商户号": "0",
        "设备号": "",
        "微信订单号": entry.provider_no,
        "商户订单号": entry.order_no,
        "用户标识": entry.buyer,
        "交易类型": "JSAPI",
        "交易状态": "REFUND" if back else "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": "0.00" if back else yuan(entry.amount),
        "代金券金额": "0.00",
        "微信退款单号": entry.provider_refund_no if back else "0",
        "商户退款单号": entry.refund_no if back else "0",
        "退款金额": yuan(entry.amount) if back else "0.00",
        "充值券退款金额": "0.00",
        "退款类型": "ORIGINAL" if back else "",
        "退款状态": "SUCCESS" if back else "",
        "商品名称": entry.subject,
        "商户数据包": "",
        "手续费": yuan5(_fee(entry)),
        "费率": "0.60%",
        "订单金额": yuan(paid),
        "申请退款金额": yuan(entry.amount) if back else "0.00",
        "费率备注": "",
    }


def trade_bill(
    merchant: str, app: str, entries: Sequence[Entry], paid: dict[str, int], bill_type: str = "ALL"
) -> bytes:
    """交易账单 of type ALL, SUCCESS or REFUND; `paid` maps a WeChat order number to the order's fen."""
    wanted = [e for e in entries if bill_type == "ALL" or e.is_refund == (bill_type == "REFUND")]
    header = HEADERS[bill_type]
    rows = [_cells(e, merchant, app, paid.get(e.provider_no, 0) if e.is_refund else e.amount) for e in wanted]
    income = sum(entry.amount for entry in wanted if not entry.is_refund)
    back = sum(entry.amount for entry in wanted if entry.is_refund)
    sums = [
        *(str(len(wanted)), yuan(income), yuan(back), "0.00"),
        *(yuan5(sum(_fee(entry) for entry in wanted)), yuan(income), yuan(back)),
    ]
    return _text(
        [",".join(header), *(_row([row[name] for name in header]) for row in rows), SUMS, _row(sums)]
    )


def fund_bill(entries: Sequence[Entry], opening: int) -> bytes:
    """资金账单 of the basic account; `opening` is its balance in fen."""
    rows: list[str] = []
    balance, sums = opening, {1: [0, 0], -1: [0, 0]}
    for entry in entries:
        for name, moved in _movements(entry):
            balance += moved
            way = sums[1 if moved > 0 else -1]
            way[0] += 1
            way[1] += abs(moved)
            rows.append(_fund_row(entry, name, moved, balance))
    gained, lost = sums[1], sums[-1]
    total = [str(len(rows)), str(gained[0]), yuan(gained[1]), str(lost[0]), yuan(lost[1])]
    return _text([FUND_HEADER, *rows, FUND_SUMS, _row(total)])


def _movements(entry: Entry) -> list[tuple[str, int]]:
    fee = rounded(entry.fee)
    if entry.is_refund:
        moved = [("退款", -entry.amount), ("返还交易手续费", fee)]
    else:
        moved = [("交易", entry.amount), ("扣除交易手续费", -fee)]
    return [(name, fen) for name, fen in moved if fen]


def _fund_row(entry: Entry, name: str, moved: int, balance: int) -> str:
    number = entry.provider_refund_no if entry.is_refund else entry.provider_no
    voucher = entry.refund_no if entry.is_refund else entry.order_no
    note = f"结算总金额 {yuan(entry.amount)} 元;含手续费 {yuan(rounded(entry.fee))} 元"
    return _row(
        [
            *(clock_text(entry.bill_at + 1000), number, number, name, name),
            *("收入" if moved > 0 else "支出", yuan(abs(moved)), yuan(balance), "system", note, voucher),
        ]
    )
