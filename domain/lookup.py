"""Finding orders in whatever people paste: numbers, waybills, phones, last four digits, receivers' names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.order import Order
from domain.permission import can_see_order
from domain.ports import OrderMatch, Orders
from domain.staff import Staff

MAX_TOKENS = 40
MAX_MATCHES = 10
KIND_NAMES = {
    "phone": "收货人手机",
    "number": "订单号",
    "waybill": "运单号",
    "phone_tail": "手机尾号",
    "name": "收货人姓名",
}
_PHONE = re.compile(
    r"(?<![\dA-Za-z])(?:\+?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?![\dA-Za-z])", re.ASCII
)
_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9#_-]{3,39})")
_WAYBILL = re.compile(r"[A-Za-z]{0,4}[0-9]{8,}")
_NAME_CUE = re.compile(r"(?:收货人|收件人|收货|姓名|买家|客户|顾客)[是为:： ]{0,3}([\u4e00-\u9fff·]{2,4})")
_HAN = re.compile(r"[\u4e00-\u9fff·]{2,}")
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟"
    "姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)


@dataclass(frozen=True)
class Token:
    """One thing worth looking up. `kind` phone | number | waybill | phone_tail | name; a `strong` token
    cannot be mistaken for ordinary words."""

    kind: str
    text: str

    @property
    def strong(self) -> bool:
        return self.kind in ("phone", "number", "waybill")


def find_tokens(text: str) -> tuple[Token, ...]:
    """Everything in a text that could name an order, strongest kinds first, each once."""
    text = _half_width(text)
    found: list[Token] = []
    found.extend(Token("phone", "".join(match.groups())) for match in _PHONE.finditer(text))
    rest = _PHONE.sub(" ", text)
    for code in _CODE.findall(rest):
        found.extend(_code_tokens(code.strip("-_#")))
    found.extend(Token("name", name) for name in _names(rest))
    order = {kind: rank for rank, kind in enumerate(KIND_NAMES)}
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda token: order[token.kind]))[:MAX_TOKENS]


def _half_width(text: str) -> str:
    """Full-width letters, digits and signs as people's input methods make them, in their ASCII form."""
    return "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else " " if c == "\u3000" else c for c in text)


def _code_tokens(code: str) -> list[Token]:
    digits = sum(c.isdigit() for c in code)
    if code.isdigit() and len(code) == 4:
        return [Token("phone_tail", code)]
    if digits < 4 or len(code) < 5:
        return []
    tokens = [Token("number", code)]
    # 10 to 20 characters with at most four letters in front is what carriers print.
    if 10 <= len(code) <= 20 and _WAYBILL.fullmatch(code):
        tokens.append(Token("waybill", code.upper()))
    return tokens


def _names(text: str) -> list[str]:
    names = [match.group(1) for match in _NAME_CUE.finditer(text)]
    for run in _HAN.findall(text):
        if len(run) <= 4:
            names.append(run)
        elif len(run) <= 60:
            starts = [i for i, c in enumerate(run) if c in _SURNAMES]
            names.extend(run[i : i + size] for i in starts for size in (3, 2) if i + size <= len(run))
    return names


@dataclass(frozen=True)
class Found:
    """`looked` names the kinds that were searched; `hidden` counts orders this person may not see."""

    matches: tuple[OrderMatch, ...]
    looked: tuple[str, ...]
    hidden: int

    @property
    def orders(self) -> tuple[Order, ...]:
        return tuple(match.order for match in self.matches)


async def search(orders: Orders, tokens: Sequence[Token], staff: Staff, *, limit: int = MAX_MATCHES) -> Found:
    """Orders that this person may see, found by any of the tokens, strong kinds before weak ones.

    Weak tokens (tails, names) are only tried when no strong one matched: a pasted excerpt names the buyer too.
    """
    matches: dict[int, OrderMatch] = {}
    hidden: set[int] = set()
    looked: dict[str, None] = {}
    for token in tokens:
        if not token.strong and matches:
            break
        looked[KIND_NAMES[token.kind]] = None
        for order in await _by_token(orders, token, limit):
            if can_see_order(staff, order):
                matches.setdefault(order.id, OrderMatch(token.kind, token.text, order))
            else:
                hidden.add(order.id)
    return Found(tuple(matches.values())[:limit], tuple(looked), len(hidden))


async def _by_token(orders: Orders, token: Token, limit: int) -> Sequence[Order]:
    match token.kind:
        case "phone":
            known = await orders.by_phone(token.text, limit=limit)
            # Where the platform masks the phone, its last four digits are all there is to find it by.
            return known or await orders.by_phone_tail(token.text[-4:], limit=limit)
        case "number":
            return await orders.by_number(token.text, limit=limit)
        case "waybill":
            return await orders.by_waybill(token.text, limit=limit)
        case "phone_tail":
            return await orders.by_phone_tail(token.text, limit=limit)
        case _:
            return await orders.by_receiver_name(token.text, limit=limit)
