"""A receiver in the orders table: masks to show, ciphers to open for those who may, digests to search.

A platform that first gave (or an import that held) the clear number later sends masked copies. Those must
not cost us the number, unless they show that the parcel now goes to somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from domain.masks import mask_address, mask_name, mask_phone
from domain.order import Receiver
from storage.secrets import DataKeys, clear_tail

# What has a cipher, and the columns that go with it.
CLEAR_COLUMNS = {
    "name_cipher": ("name_cipher", "name_digest", "name_mask"),
    "phone_cipher": ("phone_cipher", "phone_digest", "phone_tail", "phone_mask"),
    "address_cipher": ("address_cipher", "address_mask"),
}
KEPT = tuple(dict.fromkeys(column for columns in CLEAR_COLUMNS.values() for column in columns))
_EXTENSION = re.compile(r"[-转,]\d{1,6}$")  # of a platform's virtual number
_TAIL = re.compile(r"(\d{4})\D*$")


def to_columns(receiver: Receiver, keys: DataKeys, place: str) -> dict[str, Any]:
    """`place` names the order, and ties each cipher to it."""
    r = _tidy(receiver)
    return {
        "province": r.province,
        "city": r.city,
        "district": r.district,
        "town": r.town,
        "oaid": r.oaid,
        "name_mask": r.name_mask,
        "name_cipher": keys.seal(r.name, f"name|{place}"),
        "name_digest": keys.name_digest(r.name),
        "phone_mask": r.phone_mask,
        "phone_cipher": keys.seal(r.phone, f"phone|{place}"),
        "phone_digest": keys.phone_digest(r.phone),
        "phone_tail": clear_tail(r.phone) if r.phone else masked_tail(r.phone_mask),
        "address_mask": r.address_mask,
        "address_cipher": keys.seal(r.address, f"address|{place}"),
    }


def from_columns(row: RowMapping, keys: DataKeys, place: str) -> Receiver:
    return Receiver(
        name=keys.open(row["name_cipher"], f"name|{place}"),
        phone=keys.open(row["phone_cipher"], f"phone|{place}"),
        address=keys.open(row["address_cipher"], f"address|{place}"),
        province=row["province"],
        city=row["city"],
        district=row["district"],
        town=row["town"],
        name_mask=row["name_mask"],
        phone_mask=row["phone_mask"],
        address_mask=row["address_mask"],
        oaid=row["oaid"],
    )


def keep_clear(new: dict[str, Any], old: RowMapping) -> None:
    """Carry the clear data of the stored row into a newer row that lacks it (both as columns)."""
    if new["phone_tail"] and old["phone_tail"] and new["phone_tail"] != old["phone_tail"]:
        return  # another number: another person, perhaps; what we knew is no longer true
    for cipher, columns in CLEAR_COLUMNS.items():
        if new[cipher] is None and old[cipher] is not None:
            new.update({column: old[column] for column in columns if not _says_more(new, column)})


def masked_tail(phone: str) -> str | None:
    """The last four digits of a masked number; None when they are hidden."""
    match = _TAIL.search(_EXTENSION.sub("", phone))
    return match.group(1) if match else None


def _says_more(new: Mapping[str, Any], column: str) -> bool:
    """The platform's own newer mask is what people compare with its back office: keep showing it."""
    return column.endswith("_mask") and bool(new[column])


def _tidy(receiver: Receiver) -> Receiver:
    """Masked text in a clear field is a mask; clear text that the mask belies is out of date."""
    r = receiver
    if "*" in r.name:
        r = replace(r, name="", name_mask=r.name_mask or r.name)
    if "*" in r.phone:
        r = replace(r, phone="", phone_mask=r.phone_mask or r.phone)
    if "*" in r.address:
        r = replace(r, address="", address_mask=r.address_mask or r.address)
    masked = masked_tail(r.phone_mask)
    if r.phone and masked and masked != clear_tail(r.phone):
        r = replace(r, name="", phone="", address="")
    return replace(
        r,
        name_mask=r.name_mask or mask_name(r.name),
        phone_mask=r.phone_mask or mask_phone(r.phone),
        address_mask=r.address_mask or mask_address(r.address),
    )
