"""How personal data is shown to people who need not see all of it."""

from __future__ import annotations

import re

_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)(\d{4})(\d{4})(?!\d)")


def mask_phone(phone: str) -> str:
    """`13800138000` → `138****8000`; shorter numbers keep their last four digits."""
    digits = re.sub(r"\D", "", phone)
    if not digits:
        return ""
    if len(digits) == 11:
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-4:]}" if len(digits) > 4 else "****"


def mask_name(name: str) -> str:
    """The first character and as many stars as characters follow: `李小明` → `李**`."""
    return name[:1] + "*" * (len(name) - 1) if name else ""


def mask_address(address: str) -> str:
    """Keep the first six characters, hide house and room."""
    return address if len(address) <= 2 else address[: min(6, len(address) // 2)] + "***"


def mask_phones_in(text: str) -> str:
    """Every mainland mobile number inside a longer text, masked."""
    return _PHONE.sub(r"\1****\3", text)
