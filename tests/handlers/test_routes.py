"""The route table: one look-up, no clash unseen."""

from __future__ import annotations

import pytest

from bot.compose import find_routes
from handlers.entry import find_command
from handlers.nearest import nearest_commands
from handlers.router import Context, Router, compile_routes


async def _nothing(_ctx: Context, _text: str) -> None:
    return None


def router(*words: str) -> Router:
    made = Router()
    for word in words:
        made.command(word, usage=word, help="…")(_nothing)
    return made


def test_the_same_word_twice_names_both_modules() -> None:
    with pytest.raises(ValueError, match=r"查单.*handlers\.a.*handlers\.b"):
        compile_routes({"handlers.a": router("查单"), "handlers.b": router("查单")})


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("查单 123", "查单", "123"),
        ("查单123", "查单", "123"),
        ("查单：123", "查单", "123"),
        ("退款单 RF1", "退款单", "RF1"),
        ("退款RF1 30 破损", "退款", "RF1 30 破损"),
        ("HELP", "帮助", ""),
        ("tuikuan 1 2 3", "退款", "1 2 3"),
    ],
)
def test_the_longest_word_at_the_beginning_wins(text: str, name: str, rest: str) -> None:
    found = find_command(find_routes(), text)
    assert found is not None
    assert (found[0].name, found[1]) == (name, rest)


@pytest.mark.parametrize("text", ["", "4123456789012345601", "order123456", "今天天气不错"])
def test_what_is_no_command_is_left_to_free_text(text: str) -> None:
    assert find_command(find_routes(), text) is None


@pytest.mark.parametrize(
    ("typed", "meant"), [("帮住", "帮助"), ("tuikuna", "退款"), ("cahdan", "查单"), ("追宗", "追踪")]
)
def test_a_slip_finds_what_was_meant(typed: str, meant: str) -> None:
    assert meant in [c.name for c in nearest_commands(find_routes().commands, typed)]


def test_small_talk_is_near_to_nothing() -> None:
    assert nearest_commands(find_routes().commands, "中午吃什么") == ()
