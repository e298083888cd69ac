"""Budgets: how much is left, when it runs out, what is saved first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.message_policy import Budget, MessagePolicy
from domain.outbox import Priority
from domain.usage import Saving, UsageDay, held_until, since, standings

TODAY = date(2026, 1, 10)
POLICY = MessagePolicy(budgets={"dingtalk": Budget(calls=1000)})


def spent(*calls: int, app: str = "main", until: date = TODAY) -> list[UsageDay]:
    first = until - timedelta(days=len(calls) - 1)
    return [UsageDay("dingtalk", app, first + timedelta(days=n), count, 0) for n, count in enumerate(calls)]


@pytest.mark.parametrize(
    ("calls", "saving", "runs_out"),
    [
        ((10, 10, 10), Saving.NONE, None),
        ((100, 100, 100), Saving.NONE, date(2026, 1, 17)),
        ((240, 240, 240), Saving.MERGE, date(2026, 1, 12)),  # will not last: merged before its share says so
        ((300, 300, 300), Saving.DIGEST, date(2026, 1, 11)),
        ((400, 400, 200), Saving.ONLY_RED, TODAY),
    ],
)
def test_how_sparing_to_be(calls: tuple[int, ...], saving: Saving, runs_out: date | None) -> None:
    (one,) = standings(spent(*calls), POLICY, TODAY)
    assert (one.used, one.limit, one.saving, one.runs_out) == (sum(calls), 1000, saving, runs_out)


def test_only_this_month_counts_but_the_pace_looks_back_further() -> None:
    first = date(2026, 2, 1)
    (one,) = standings(spent(70, 70, 70, 70, until=first), POLICY, first)
    assert (one.used, one.per_day) == (70, 70)
    assert since(first) == date(2026, 1, 26)
    assert since(date(2026, 2, 20)) == date(2026, 2, 1)


def test_all_apps_of_a_platform_share_the_budget() -> None:
    (one,) = standings([*spent(400), *spent(450, app="second")], POLICY, TODAY)
    assert (one.used, one.saving) == (850, Saving.MERGE)


def test_no_limit_is_no_budget() -> None:
    assert standings(spent(10**6), MessagePolicy(budgets={"dingtalk": Budget()}), TODAY) == ()


NOON = datetime(2026, 1, 10, 4, 7, tzinfo=UTC)  # 12:07 in Shanghai


@pytest.mark.parametrize(
    ("priority", "saving", "until"),
    [
        (Priority.YELLOW, Saving.NONE, None),
        (Priority.YELLOW, Saving.WARN, None),
        (Priority.YELLOW, Saving.MERGE, datetime(2026, 1, 10, 4, 30, tzinfo=UTC)),
        (Priority.DIGEST, Saving.MERGE, datetime(2026, 1, 10, 4, 30, tzinfo=UTC)),
        (Priority.YELLOW, Saving.DIGEST, datetime(2026, 1, 11, 1, 0, tzinfo=UTC)),  # 09:00 the next day
        (Priority.RED, Saving.ONLY_RED, None),
        (Priority.ANSWER, Saving.ONLY_RED, None),
    ],
)
def test_what_waits_for_company(priority: Priority, saving: Saving, until: datetime | None) -> None:
    assert held_until(priority, NOON, saving, MessagePolicy()) == until


def test_a_policy_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="warn_at"):
        MessagePolicy(warn_at=0.9, merge_at=0.8)
