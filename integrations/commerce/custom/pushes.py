"""A push of the contract: believed only when signature, time and shop are right (platforms.md §3.7, §11.9)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.ports import BadSignature, PushEvent, Unreadable
from integrations.commerce.custom.mapping import ShopContext, read_order
from integrations.commerce.custom.settings import CustomSettings
from integrations.commerce.custom.signature import is_genuine

_EVENT_ID = re.compile(r"[0-9A-Za-z_.:-]{8,100}")
_EPOCH = re.compile(r"[0-9]{9,11}")


@dataclass(frozen=True)
class Pushed:
    """A push that passed its checks; `body` is the JSON object that was signed."""

    event_id: str
    event: str
    body: Mapping[str, Any]
    digest: str


def verify(
    headers: Mapping[str, str], body: bytes, shop_code: str, settings: CustomSettings, now: datetime
) -> Pushed:
    """BadSignature, or ValueError when it is signed and still no push of the contract."""
    given = {name.casefold(): value for name, value in headers.items()}
    timestamp = given.get("x-timestamp", "")
    if not settings.secret:
        raise BadSignature(f"shops.{shop_code}.secret 没有填写，不收推送")
    if not _EPOCH.fullmatch(timestamp):
        raise BadSignature("X-Timestamp 要写成秒数")
    if abs(now.timestamp() - int(timestamp)) > settings.tolerance_seconds:
        raise BadSignature(f"X-Timestamp 与本机时间相差超过 {settings.tolerance_seconds} 秒")
    secrets = (settings.secret, settings.previous_secret)
    if not is_genuine(secrets, timestamp, body, given.get("x-signature", "")):
        raise BadSignature("X-Signature 不对")
    told = _object(body)
    if told.get("shop_code") not in (shop_code, settings.shop_id or shop_code):
        raise BadSignature(f"shop_code 不是 {shop_code}")
    event_id, event = given.get("x-event-id", ""), told.get("event")
    if not _EVENT_ID.fullmatch(event_id):
        raise ValueError("X-Event-Id 要写成 8 到 100 位的编号，每个事件一个")
    if not isinstance(event, str) or given.get("x-event-type", event) != event:
        raise ValueError("X-Event-Type 要和正文的 event 一样")
    return Pushed(event_id, event, told, hashlib.sha256(body).hexdigest())


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"正文不是 JSON：{error}") from error
    if not isinstance(told, dict):
        raise ValueError("正文要写成 JSON 对象")
    return told


def events(pushed: Pushed, shop: ShopContext, now: datetime) -> Sequence[PushEvent]:
    """One event with the whole order in it; none of an order (`ping`) tells of nothing. An order that breaks the
    contract is accepted too: it goes to quarantine, where a person sees it, and sending it again would not help.

    The id is not part of what is signed, so the body's digest stands beside it: an old push sent again under
    the id of one that is still to come cannot take that one's place.
    """
    key = f"{pushed.event_id}.{pushed.digest[:16]}"
    if pushed.body.get("order") is None:
        return (PushEvent(key, "", pushed.event[:100]),)
    order = read_order(pushed.body["order"], shop, now)
    number = order.platform_order_id if isinstance(order, Unreadable) else order.key.platform_order_id
    return (PushEvent(key, number, pushed.event[:100], order),)
