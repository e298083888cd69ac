from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import Database
from storage.errors import WrongDataKey
from storage.secrets import DataKeys, plain_phone
from tests.storage.factory import DATA_KEY, RECEIVER, make_order, stored

KEYS = DataKeys(DATA_KEY)


@given(st.text(min_size=1))
def test_what_is_sealed_opens_again_and_never_looks_the_same(text: str) -> None:
    sealed = KEYS.seal(text, "phone|shop/1")
    assert sealed is not None
    assert sealed != KEYS.seal(text, "phone|shop/1")
    assert KEYS.open(sealed, "phone|shop/1") == text


def test_a_sealed_value_opens_only_in_its_place_and_with_its_key() -> None:
    sealed = KEYS.seal("13900001234", "phone|shop/1")
    for keys, place in ((KEYS, "phone|shop/2"), (DataKeys(b"another data key"), "phone|shop/1")):
        with pytest.raises(WrongDataKey):
            keys.open(sealed, place)


def test_a_short_data_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        DataKeys(b"short")


@pytest.mark.parametrize("text", ["13900001234", "+86 139-0000-1234", "008613900001234", "13900001234-5678"])
def test_a_phone_has_one_digest_however_it_is_written(text: str) -> None:
    assert plain_phone(text) == "13900001234"
    assert KEYS.phone_digest(text) == KEYS.phone_digest("13900001234")


def test_a_digest_depends_on_the_key() -> None:
    assert KEYS.phone_digest("13900001234") != DataKeys(b"another data key").phone_digest("13900001234")
    assert KEYS.phone_digest("1234") is None
    assert KEYS.name_digest("  ") is None


async def test_no_personal_data_lies_in_the_file_in_clear(sqlite: Database, sqlite_url: str) -> None:
    await stored(sqlite, make_order(seller_remark="已电话 13900001234"))
    folder = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///")).parent
    content = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    assert b"2026030100001" in content  # the order is there
    for secret in ("13900001234", RECEIVER.name, RECEIVER.address, RECEIVER.address[:8]):
        assert secret.encode() not in content
