"""Dead letters in plain words: what it was, why it failed, what stays undone when it is given up."""

from __future__ import annotations

import re

from domain.letter import Letter, LetterState, Trouble
from domain.masks import mask_phones_in
from domain.order import MoneyState
from domain.refund import Refund

NAMES = {
    "message": "收到的消息",
    "tap": "点的按钮",
    "event": "收到的事件",
    "text": "发给某人的消息",
    "card": "发给某人的卡片",
    "file": "发给某人的文件",
    "update": "卡片更新",
    "unreadable": "读不懂的一条",
    "refund.execute": "退款执行",
    "order.fetch": "读订单",
    "order.find": "查订单号",
    "push.read": "按推送读订单",
    "sync.reprocess": "重新处理订单",
    "room.create": "建作战群",
    "room.change": "改作战群",
    "room.report": "作战报告",
    "books.workbook": "对账 Excel",
    "digest.send": "发日报",
    "digest.make": "做日报",
    "file.take": "读收到的文件",
}
SENT = frozenset({"text", "card", "file", "update"})
RECEIVED = frozenset({"message", "tap", "event"})
LEFT = {
    "message": "这条消息不再处理，要办的事请发的人重发",
    "tap": "这次点按不再处理，卡片还在，可以再点",
    "event": "不再处理，没有别的影响",
    "text": "这条消息对方收不到，要紧的请当面说",
    "card": "这张卡片对方收不到，可让对方自己查",
    "file": "这个文件对方收不到，可让对方重新要",
    "update": "那张卡片停在旧样子；点一下它，仍按最新状态回答",
    "unreadable": "里面要办的事没有办",
    "order.fetch": "这次不读了，下次同步会更新这张订单",
    "order.find": "提问的人没有得到回答，可让他重新查",
    "push.read": "这次推送不读了，下次同步会补上",
    "sync.reprocess": "订单还在隔离区，可再发：重新处理 订单号",
    "room.create": "这个作战室没有群，大家照常一对一收卡片",
    "room.change": "群成员或群名没有改，请在群里手工改",
    "room.report": "报告没有发出，可再发：作战报告 WR编号",
    "books.workbook": "Excel 没有发出，可再发：对账 日期 excel",
    "digest.send": "这份日报没有发出，可再发：日报",
    "digest.make": "这份日报没有做，可再发：日报",
    "file.take": "文件没有读，请发的人重新发",
}
_OTHER_LEFT = "这一步没有做，也不会再自动做"
# Errors whose message was written for people; what others say may hold anything, so only their name is shown.
_FOR_PEOPLE = frozenset(
    {"Refused", "ApiRefused", "Retry", "Busy", "Misconfigured", "Unsure", "EffectRefused", "EffectRetry"}
)
_PLAIN = {
    "TimeoutError": "等不到回音（超时）",
    "Resting": "对方一直出错，已暂停调用",
    "Conflict": "一直有人同时在改同一样东西",
    "TakenOver": "一直有人同时在改同一样东西",
    "StorageUnavailable": "数据库当时不可用",
    "unreadable outbox row": "这个版本读不懂这一条，升级后重试",
}
_CODE = re.compile(r"[（(](\d{2,6}|[A-Za-z][A-Za-z_.]{1,39})[）)]")
ERROR_LENGTH = 60


def name_of(what: str) -> str:
    return NAMES.get(what, f"操作 {what}")


def failed_word(what: str) -> str:
    if what in SENT:
        return "没送到"
    return "没处理成" if what in RECEIVED else "没做成"


def plain_error(error: str) -> str:
    """The last error for people: masked, short, and never a text that nobody wrote for them."""
    name, _, message = error.partition(": ")
    if name in _FOR_PEOPLE and message.strip():
        return mask_phones_in(" ".join(message.split()))[:ERROR_LENGTH]
    if name in _PLAIN:
        return _PLAIN[name]
    if re.fullmatch(r"[A-Za-z_]\w{0,60}", name):
        return f"程序出错（{name}），请把追踪编号发给维护者"
    return "没有记下原因" if not error.strip() else "程序出错，请把追踪编号发给维护者"


def kind_of(letter: Letter) -> str:
    """Letters of one kind are one trouble. Coarse on purpose: what failed, where, by which error and code; never a
    number, or a storm of one failure would be a storm of notices."""
    name, _, message = letter.error.partition(": ")
    code = _CODE.search(message)
    kind = (letter.what, letter.place, name[:60] if name.replace("_", "").isalnum() else "")
    return "|".join((*kind, code[1] if code else ""))


def standing(letter: Letter) -> str:
    """Where it stands, behind its number."""
    who = letter.by or "别人"
    match letter.state:
        case LetterState.DEAD:
            return "在等人处理"
        case LetterState.RETRYING:
            return f"已由{who}放回队列，正在重试"
        case LetterState.DONE:
            return "已办完，不用再处理"
        case LetterState.GIVEN_UP:
            return f"已由{who}放弃：{letter.reason}"
        case LetterState.GONE:
            return "已过保存期，记录不在了"


def outcome(trouble: Trouble) -> str:
    """How a trouble ended."""
    done, given = trouble.count(LetterState.DONE), trouble.count(LetterState.GIVEN_UP)
    gone = trouble.count(LetterState.GONE)
    parts = [f"已办完 {done} 条"] if done else []
    parts += [f"放弃 {given} 条"] if given else []
    parts += [f"过期 {gone} 条"] if gone else []
    return "已处理：" + ("，".join(parts) or "没有剩下的")


def left_behind(letter: Letter, refund: Refund | None = None) -> str:
    """What stays undone when this is given up, and what to do then. `refund`: of a letter that should pay it."""
    if not letter.money:
        return LEFT.get(letter.what, _OTHER_LEFT)
    if refund is None:
        return "没有这张退款单，不影响任何退款"
    if not refund.open:
        return f"退款 {refund.number} 已有结果，不受影响"
    if refund.money is MoneyState.UNKNOWN:
        return f"退款停在“核实中”，钱退没退还不知道：先到店铺后台核实；没退又要退，发：重试 {letter.number}"
    return f"退款停在“退款中”，前哨不会再退：到店铺后台退，或发：重试 {letter.number}（先问店铺，不重复退）"
