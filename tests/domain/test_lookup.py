"""Whatever people paste, the numbers in it are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lookup import MAX_TOKENS, Token, find_tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4123456789012345601", Token("number", "4123456789012345601")),
        ("麻烦看下订单４１２３４５６７８９０１２３４５６０１谢谢", Token("number", "4123456789012345601")),
        ("运单SF1234567890123到哪了", Token("waybill", "SF1234567890123")),
        ("yt2200000000001", Token("waybill", "YT2200000000001")),
        ("电话138 0013 8000", Token("phone", "13800138000")),
        ("+86-138-0013-8000", Token("phone", "13800138000")),
        ("尾号8000的单子", Token("phone_tail", "8000")),
        ("收货人：欧阳小月 催发货", Token("name", "欧阳小月")),
        ("李小明", Token("name", "李小明")),
        ("客户说李小明还没收到货", Token("name", "李小明")),
        ("250105-123456789012345", Token("number", "250105-123456789012345")),
    ],
)
def test_a_pasted_text_names_an_order(text: str, expected: Token) -> None:
    assert expected in find_tokens(text)


def test_several_in_one_copied_excerpt() -> None:
    excerpt = "林小满 10:02\n4123456789012345601 没发货\n4123456789012345602 退款\n王芳 13800138000"
    found = find_tokens(excerpt)
    assert [t.text for t in found if t.kind == "number"] == ["4123456789012345601", "4123456789012345602"]
    assert Token("phone", "13800138000") in found


def test_a_phone_is_not_also_an_order_number() -> None:
    assert find_tokens("13800138000") == (Token("phone", "13800138000"),)


def test_plain_talk_names_nothing_strong() -> None:
    assert not any(token.strong for token in find_tokens("今天下午三点开会，大家准时 👍"))


@given(st.text(max_size=500))
def test_any_text_gives_few_tokens_and_no_error(text: str) -> None:
    assert len(find_tokens(text)) <= MAX_TOKENS


@given(
    st.integers(10**14, 10**19).map(str),
    st.text("查看一下，。 \n谢谢", max_size=8),
    st.text("急，。 \n!", max_size=8),
)
def test_an_order_number_is_found_between_any_words(number: str, before: str, after: str) -> None:
    assert Token("number", number) in find_tokens(before + number + after)
