"""What people type in a war room, read: names, tasks, limits, the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.clock import shanghai
from domain.room_words import BadTaskWords, EndWords, read_end, read_limit, read_plans, read_task
from domain.staff import Role
from tests.samples import SERVICE, WAREHOUSE, People, person

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, a Tuesday
PEOPLE = People()


@pytest.mark.parametrize(
    ("text", "title", "due"),
    [
        ("@赵仓 核对库存 2小时", "核对库存", "2026-03-10 11:00"),
        ("赵仓核对库存 30分钟内", "核对库存", "2026-03-10 09:30"),
        ("＠赵仓 核对库存，1天", "核对库存", "2026-03-11 09:00"),
        ("@赵仓 核对 3 号库存 18:00前", "核对 3 号库存", "2026-03-10 18:00"),
        ("@赵仓 核对库存 08:00", "核对库存", "2026-03-11 08:00"),
        ("@赵仓 核对库存 明天10点", "核对库存", "2026-03-11 10:00"),
        ("@赵仓 核对库存 今晚", "核对库存", "2026-03-10 23:00"),
        ("@赵仓 核对库存 后天之前", "核对库存", "2026-03-12 18:00"),
        ("@赵仓 核对库存 3月15日 12:30", "核对库存", "2026-03-15 12:30"),
        ("@赵仓 核对库存 03-01", "核对库存", "2027-03-01 18:00"),
        ("@赵仓 核对库存", "核对库存", ""),
        ("@赵仓 买 5 个箱子", "买 5 个箱子", ""),
    ],
)
def test_a_task_is_read(text: str, title: str, due: str) -> None:
    words = read_task(text, PEOPLE, NOW)
    assert (words.assignee, words.title) == (WAREHOUSE, title)
    assert (f"{shanghai(words.due):%Y-%m-%d %H:%M}" if words.due else "") == due


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "请写派给谁"),
        ("@没这人 盘点", "找不到同事“没这人”"),
        ("@赵仓", "请写要做什么"),
        ("@赵仓 2小时", "请写要做什么"),
        ("@赵仓 盘点 今天 08:00", "已经过了"),
        ("@赵仓 盘点 2月30日", "没有“2月30日”这一天"),
        ("@赵仓 盘点 明天 25:00", "没有 25 点"),
        ("@赵仓 盘点 9999天", "最长一年"),
        ("@赵仓 " + "盘" * 101, "100 字以内"),
    ],
)
def test_what_is_no_task_says_what_to_type(text: str, why: str) -> None:
    with pytest.raises(BadTaskWords, match=why):
        read_task(text, PEOPLE, NOW)


def test_29_february_is_the_next_one() -> None:
    before = datetime(2027, 12, 1, tzinfo=UTC)
    assert read_limit("盘点 2月29日", before)[1] == datetime(2028, 2, 29, 10, 0, tzinfo=UTC)
    with pytest.raises(BadTaskWords, match="最长一年"):
        read_limit("盘点 2月29日", NOW)


def test_of_two_of_one_name_the_id_is_asked_for() -> None:
    twin = person("赵仓二", Role.WAREHOUSE)
    twins = People(WAREHOUSE, type(twin)("zhao2", "赵仓", twin.roles))
    with pytest.raises(BadTaskWords, match="叫赵仓的有 2 位"):
        read_task("@赵仓 盘点", People(type(twin)("zhao1", "赵仓", twin.roles), *twins.people[1:]), NOW)
    assert read_task("@zhao2 盘点", twins, NOW).assignee.id == "zhao2"


def test_the_longer_name_is_meant() -> None:
    longer = person("赵仓库", Role.WAREHOUSE)
    assert read_task("@赵仓库 盘点", People(WAREHOUSE, longer), NOW).assignee is longer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("原因：甲 影响：乙 跟进：@赵仓 盘点", EndWords("甲", "乙", "@赵仓 盘点")),
        ("影响:乙；原因:甲", EndWords("甲", "乙", "")),
        ("库存没同步", EndWords("库存没同步")),
        ("库存没同步 影响：无", EndWords("库存没同步", "无")),
        ("", EndWords()),
    ],
)
def test_the_end_is_read_in_any_order(text: str, words: EndWords) -> None:
    assert read_end(text) == words


def test_follow_ups_one_by_one_or_none() -> None:
    plans = read_plans("@赵仓 盘点 1天；@林小满 回访\n赵仓 贴标 2小时", PEOPLE, NOW)
    assert [(p.assignee, p.title) for p in plans] == [
        (WAREHOUSE, "盘点"),
        (SERVICE, "回访"),
        (WAREHOUSE, "贴标"),
    ]
    assert plans[0].due == NOW + timedelta(days=1)
    assert read_plans("没有", PEOPLE, NOW) == ()
