"""Which calls go to a far side, and what tells one of them from another: the seam that recording and replay share.

A port is taken by its methods, on the instance: the object stays what it is (a WeCom door, a Taobao shop), only its way
to the outside is another one. What a port decides by itself (`parse`, `can_update`, `note_tap`) is never touched: a
replay runs the new build's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cards.model import Button, Card
from domain.chat import SentCard

Answering = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class FarCall:
    """One method of a port. `by`: the arguments that say what is asked for; the rest may differ between two runs of one
    day. `effect`: it changes something out there, so that a replay which does not call it has done less."""

    name: str
    by: tuple[str, ...] = ()
    effect: bool = False


CHAT = (
    FarCall("send_text", ("key",), effect=True),
    FarCall("send_card", ("card_id",), effect=True),
    FarCall("update_card", ("sent",), effect=True),
    FarCall("send_file", ("key",), effect=True),
    FarCall("fetch_file", ("ref",)),
    FarCall("create_group", ("key",), effect=True),
    FarCall("change_group", ("chat_id", "add", "remove", "name"), effect=True),
)
SHOP = (
    FarCall("get_order", ("platform_order_id",)),
    FarCall("get_refund", ("platform_refund_id",)),
    FarCall("agree_refund", ("platform_refund_id", "amount", "key"), effect=True),
    FarCall("invite_refund", ("platform_order_id", "amount", "key"), effect=True),
    FarCall("create_refund", ("platform_order_id", "amount", "key"), effect=True),
    FarCall("count_orders"),
)
WALK = FarCall("iter_orders")
PAYMENT = (FarCall("download_bill", ("day", "kind")), FarCall("query", ("order_no",)))
FOLDER = (
    FarCall("look"),
    FarCall("read", ("name",)),
    FarCall("put_away", ("name", "digest", "failed"), effect=True),
)
EFFECTS = frozenset(call.name for call in (*CHAT, *SHOP, *PAYMENT, *FOLDER) if call.effect)
SHOWS = frozenset({"send_card", "update_card"})


@dataclass(frozen=True)
class Asked:
    """One call as it is made. `far` names the port (`shop tmall-flagship`), `key` what is asked for."""

    far: str
    call: FarCall
    key: str
    given: Mapping[str, Any]


def ports_of(desk: Any) -> dict[str, tuple[Any, tuple[FarCall, ...]]]:
    """Every port of a desk by its name in recordings."""
    found: dict[str, tuple[Any, tuple[FarCall, ...]]] = {}
    for (platform, app), door in desk.doors.items():
        found[f"chat {platform}:{app}"] = (door, CHAT)
    for code, shop in desk.shops.items():
        found[f"shop {code}"] = (shop, SHOP)
    for account, payment in desk.payments.items():
        found[f"payment {account}"] = (payment, PAYMENT)
    for folder in desk.job_context("replay").folders:
        found[f"folder {folder.name}"] = (folder, FOLDER)
    return found


def take_over(
    far: str, port: Any, calls: Iterable[FarCall], through: Callable[[Asked, Answering], Awaitable[Any]]
) -> None:
    """From now on these methods of the port go `through(asked, original)`; a method it does not have stays away."""
    for call in calls:
        original = getattr(port, call.name, None)
        if original is not None:
            object.__setattr__(port, call.name, _led(far, call, original, through))  # frozen ones as well


def _led(
    far: str, call: FarCall, original: Answering, through: Callable[[Asked, Answering], Awaitable[Any]]
) -> Answering:
    signature = inspect.signature(original)

    async def led(*args: Any, **kwargs: Any) -> Any:
        asked = asked_for(far, call, signature.bind(*args, **kwargs).arguments)
        return await through(asked, lambda: original(*args, **kwargs))

    return led


def asked_for(far: str, call: FarCall, given: Mapping[str, Any]) -> Asked:
    return Asked(far, call, " ".join(_word(given[name]) for name in call.by if given.get(name)), given)


def _word(value: Any) -> str:
    if isinstance(value, SentCard):
        return value.card_id
    if isinstance(value, list | tuple):
        return ",".join(sorted(str(item) for item in value))
    return str(value)


def card_lines(card: Card) -> list[str]:
    """What a reader sees of a card, a line each; without the footer (its trace) and the link (its ticket)."""
    lines = [card.heading]
    if card.subtitle:
        lines.append(card.subtitle)
    lines += [f"{fact.label}: {fact.value}" for fact in card.fields]
    lines += [line for text in card.lines for line in text.splitlines()]
    if card.final:
        lines.append(f"= {card.final}")
    lines += [f"[{button.text}] {_does(button)}" for button in card.buttons]
    lines += [f"(···{button.text}) {_does(button)}" for button in card.menu]
    return [*lines, f"~ {card.summary}"]


def _does(button: Button) -> str:
    """Without the revision it carries: how often a thing was saved is nobody's reading."""
    verb, *rest = button.action.split("|")
    return " ".join([verb, *rest[:2], *rest[3:]])
