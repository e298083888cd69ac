"""队列, 重试, 放弃: registered once, offered to those who may, and apart from the words that begin alike."""

from __future__ import annotations

import pytest

from bot.compose import find_routes
from domain.policy import Policies
from handlers.entry import find_command
from tests.samples import ADMIN, FINANCE, SERVICE, SUPERVISOR, WAREHOUSE


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("队列", "队列", ""),
        ("死信", "队列", ""),
        ("queue F12", "队列", "F12"),
        ("队列F12", "队列", "F12"),
        ("duilie 第2页", "队列", "第2页"),
        ("重试 F12", "重试", "F12"),
        ("重试F12", "重试", "F12"),
        ("重试异常 EX2601", "重试异常", "EX2601"),
        ("重试 全部 F12 确认", "重试", "全部 F12 确认"),
        ("放弃 F12 已人工处理 了", "放弃", "F12 已人工处理 了"),
    ],
)
def test_what_is_typed_finds_its_command(text: str, name: str, rest: str) -> None:
    found = find_command(find_routes(), text)
    assert found is not None
    assert (found[0].name, found[1]) == (name, rest)


@pytest.mark.parametrize("word", ["队列", "重试", "放弃"])
def test_who_is_offered_them(word: str) -> None:
    command = find_routes().words[word]
    people = (ADMIN, SUPERVISOR, FINANCE, SERVICE, WAREHOUSE)
    assert [command.allowed(p, Policies()) for p in people] == [True, True, True, False, False]
