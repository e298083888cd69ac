"""`policies.sla` of the settings: read as an operator writes it, refused with the line where it cannot be meant."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.settings import settings_from_text
from bot.settings_errors import SettingsError
from domain.order import OrderState
from domain.sla import Counting, CountsFrom, SlaPolicy
from domain.staff import Role

GOOD = """\
policies:
  sla:
    quiet: 23:00-07:30
    fold_at: 5
    calendar:
      hours: 09:00-12:00,13:00-18:00
      holidays: [2026-03-11]
      workdays: [2026-03-14]
    rules:
      - name: ship
        title: 待发货
        states: [paid, to_ship]
        platform_deadline: true
      - name: answer
        title: 售后未处理
        counts_from: refund_asked_at
        yellow: 2h
        red: 4h
        calendar: working
        owner: service
        chat: care
        escalate_after: 30m
        escalate_to: supervisor
"""


def test_rules_as_an_operator_writes_them() -> None:
    policy = settings_from_text(GOOD, environ={}).policies.sla
    ship, answer = policy.rules
    assert ship.states == {OrderState.PAID, OrderState.TO_SHIP}
    assert (answer.yellow, answer.red) == (timedelta(hours=2), timedelta(hours=4))
    assert (answer.counts_from, answer.calendar) == (CountsFrom.REFUND_ASKED, Counting.WORKING)
    assert (answer.audience, answer.owner, answer.escalate_to) == ("care", Role.SERVICE, Role.SUPERVISOR)
    assert (policy.quiet, policy.fold_at) == ("23:00-07:30", 5)


def test_the_librarys_days_come_with_working_time_and_the_settings_win() -> None:
    calendar = settings_from_text(GOOD, environ={}).policies.sla.calendar
    assert not calendar.is_workday(date(2026, 3, 11))
    assert calendar.is_workday(date(2026, 3, 14))
    assert not calendar.is_workday(date(2026, 10, 1))
    assert calendar.is_workday(date(2026, 2, 14))
    natural = settings_from_text("policies: {}", environ={}).policies.sla.calendar
    assert natural.holidays == frozenset()  # nobody counts working time: nothing is loaded


def test_other_rules_are_another_version() -> None:
    first = settings_from_text(GOOD, environ={}).policies.version
    assert settings_from_text(GOOD.replace("red: 4h", "red: 5h"), environ={}).policies.version != first
    assert settings_from_text(GOOD, environ={}).policies.version == first


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("red: 4h", "red: 1h"), "第 18 行", "红灯要晚于黄灯"),
        (("[paid, to_ship]", "[paid, shiped]"), "第 12 行", "shipped"),
        (("quiet: 23:00-07:30", "quiet: 晚上"), "第 3 行", "22:00-08:00"),
        (("13:00-18:00", "11:00-18:00"), "第 6 行", "09:00-18:00"),
        (("name: answer", "name: ship"), "第 14 行", "两条规则"),
        (("yellow: 2h", "yelow: 2h"), "第 17 行", "yellow"),
        (("owner: service", "owner: boss"), "第 20 行", "boss"),
        (("fold_at: 5", "fold_at: 1"), "第 4 行", "至少 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    change: tuple[str, str], line: str, words: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_from_text(GOOD.replace(*change), environ={})
    assert line in str(refused.value)
    assert words in str(refused.value)


def test_the_page_of_the_docs_is_what_holds_by_default() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
    (block,) = [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "\n  sla:" in text]
    assert settings_from_text(block, environ={}).policies.sla == SlaPolicy()
