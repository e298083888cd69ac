"""Splitting: nothing lost, nothing cut inside a character or an emoji, every part under the limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.chat.wecom.text import MAX_PARTS, PART_BYTES, graphemes, pieces, split_text

FAMILY, FLAG, THUMB, KEYCAP = "👨‍👩‍👧‍👦", "🇨🇳", "👍🏽", "1️⃣"
MIXED = st.lists(
    st.one_of(
        st.sampled_from([FAMILY, FLAG, THUMB, KEYCAP, "\n", "\r\n", "订单", "é", "한", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]),
        st.text(max_size=3),
    ),
    max_size=60,
).map("".join)


@given(MIXED, st.integers(40, 90))
def test_pieces_lose_nothing_and_fit(text: str, limit: int) -> None:
    parts = pieces(text, limit)
    assert "".join(parts) == text
    assert all(0 < len(p.encode()) <= limit for p in parts)


@given(MIXED)
def test_pieces_end_between_graphemes(text: str) -> None:
    borders, at = set(), 0
    for grapheme in graphemes(text):
        at += len(grapheme)
        borders.add(at)
    at = 0
    for part in pieces(text, 60):
        at += len(part)
        whole = max((len(g.encode()) for g in graphemes(text)), default=0) <= 60
        assert (
            at in borders
            or not whole
            or text[:at].endswith(
                ("\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
            )
        )


@pytest.mark.parametrize(
    "emoji", [FAMILY, FLAG, THUMB, KEYCAP, "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "e\u0301", "\r\n", "\u1112\u1161\u11ab"]
)
def test_one_grapheme(emoji: str) -> None:
    assert list(graphemes(emoji)) == [emoji]
    assert list(graphemes(emoji * 3)) == [emoji] * 3


def test_two_flags_are_two_graphemes() -> None:
    assert list(graphemes("🇨🇳🇯🇵")) == ["🇨🇳", "🇯🇵"]


def test_short_text_goes_as_it_is() -> None:
    assert split_text("x" * PART_BYTES) == ["x" * PART_BYTES]


def test_ten_thousand_characters_are_numbered_parts() -> None:
    lines = [f"{n:04d} 订单已发货，请留意查收" for n in range(600)]
    text = "\n".join(lines)[:10_000]
    parts = split_text(text)
    assert 1 < len(parts) <= MAX_PARTS
    assert all(len(p.encode()) <= PART_BYTES for p in parts)
    assert [p.split("\n")[0] for p in parts] == [f"({n}/{len(parts)})" for n in range(1, len(parts) + 1)]
    assert "\n".join(p.split("\n", 1)[1] for p in parts) == text


def test_a_line_of_emoji_is_cut_between_them() -> None:
    parts = split_text(FAMILY * 300)
    assert len(parts) > 1
    for part in parts:
        assert re.fullmatch(rf"\(\d+/\d+\)\n(?:{FAMILY})+", part)


def test_too_long_says_what_is_missing() -> None:
    parts = split_text("订单\n" * 50_000)
    assert len(parts) == MAX_PARTS
    told = re.search(r"后面还有 (\d+) 个字没有发出", parts[-1])
    assert told
    shown = sum(p.split("\n", 1)[1].count("订单") for p in parts[:-1])
    assert shown * 3 + int(told[1]) == 150_000
