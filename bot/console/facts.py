"""What of a buyer each role may read on a page; masked always (DESIGN.md §8)."""

from __future__ import annotations

from domain.masks import mask_address, mask_name, mask_phone
from domain.order import Order
from domain.staff import Role, Staff

_REACH_THE_BUYER = (Role.SERVICE, Role.WAREHOUSE, Role.SUPERVISOR)


def receiver_facts(order: Order, staff: Staff) -> list[tuple[str, str]]:
    """Who ships or speaks with the buyer sees where it goes; finance sees a name to compare."""
    receiver = order.receiver
    name = receiver.name_mask or mask_name(receiver.name)
    if not staff.has(*_REACH_THE_BUYER):
        return [("收货人", name)]
    phone = receiver.phone_mask or mask_phone(receiver.phone)
    street = receiver.address_mask or mask_address(receiver.address)
    where = f"{receiver.province}{receiver.city}{receiver.district}{street}"
    return [("收货人", f"{name} {phone}".strip()), ("地址", where)]
