"""How lengths of time are typed, and that 我的待办 is put together by place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.compose import find_routes
from handlers import alert, todo
from handlers.alert import read_span
from handlers.entry import find_command


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2小时", 120),
        ("2 小时", 120),
        ("1.5h", 90),
        ("30分钟", 30),
        ("45分", 45),
        ("1天12小时", 2160),
        ("2", 120),
        ("", None),
        ("一会儿", None),
        ("2小时吧", None),
        ("-3", None),
    ],
)
def test_lengths_of_time(text: str, minutes: int | None) -> None:
    assert read_span(text) == (None if minutes is None else timedelta(minutes=minutes))


def test_todo_finds_every_source_by_its_place() -> None:
    assert {alert.todo, todo.todo} <= set(todo.sources())


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("静默2小时", "静默", "2小时"),
        ("转派 @周全 AL260301ABCDEF", "转派", "@周全 AL260301ABCDEF"),
        ("预警红", "预警", "红"),
        ("关闭预警 AL260301ABCDEF 误报", "关闭预警", "AL260301ABCDEF 误报"),
        ("我的待办", "我的待办", ""),
    ],
)
def test_the_words_find_their_commands(text: str, name: str, rest: str) -> None:
    found = find_command(find_routes(), text)
    assert found is not None
    assert (found[0].name, found[1]) == (name, rest)
