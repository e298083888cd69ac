"""What the morning digest puts first, who gets it, and when there is nothing to say."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from domain.digest import (
    Bad,
    Digest,
    Figure,
    Scope,
    Series,
    Subscription,
    day_span,
    digest_id,
    scope_of,
    subscribers,
)
from domain.digest_policy import DigestPolicy
from domain.staff import Role
from tests.samples import ADMIN, FINANCE, SERVICE, SUPERVISOR, WAREHOUSE

NOW = datetime(2026, 1, 5, 0, 37, tzinfo=UTC)
DAY = date(2026, 1, 4)
EVERYBODY = (SERVICE, WAREHOUSE, FINANCE, SUPERVISOR, ADMIN)


def figure(label: str, value: float, before: float | None, bad: Bad, weight: float = 1.0) -> Figure:
    return Figure("x", label, value, f"{value:.0f}", before, bad, weight)


def digest(*figures: Figure) -> Digest:
    return Digest("d", DAY, "s", figures, Series((), ()), NOW)


def labels(made: Digest, policy: DigestPolicy) -> list[str]:
    return [one.label for one in made.top(policy)]


def test_what_moved_the_wrong_way_most_comes_first() -> None:
    made = digest(
        figure("新订单", 50, 100, Bad.DOWN),
        figure("退款申请", 13, 10, Bad.UP),
        figure("成交额", 200, 100, Bad.DOWN),  # twice as much is good news: a third of the weight
        figure("退款用时", 101, 100, Bad.UP),  # a hundredth is no news
    )
    assert labels(made, DigestPolicy()) == ["新订单", "成交额", "退款申请"]
    assert labels(made, DigestPolicy(top=1)) == ["新订单"]


def test_the_first_of_its_kind_matters_without_a_week_to_compare() -> None:
    assert labels(digest(figure("红灯", 3, None, Bad.UP)), DigestPolicy()) == ["红灯"]
    assert labels(digest(figure("红灯", 0, None, Bad.UP)), DigestPolicy()) == []


@pytest.mark.parametrize(("value", "before", "change"), [(1, 0, 1.0), (0, 0, None), (0, 4, -1.0)])
def test_change_without_dividing_by_nothing(value: float, before: float, change: float | None) -> None:
    assert figure("x", value, before, Bad.UP).change == change


def test_nothing_at_all_is_empty() -> None:
    assert digest(figure("新订单", 0, 0, Bad.DOWN), figure("待发货", 0, None, Bad.NEITHER)).empty
    assert not digest(figure("新订单", 0, 7, Bad.DOWN)).empty


def test_who_gets_it() -> None:
    policy = DigestPolicy()
    assert [p.name for p in subscribers(EVERYBODY, {}, policy)] == ["赵仓", "钱进", "周全"]
    said = {
        SERVICE.id: Subscription(SERVICE.id, wanted=True, changed_at=NOW),
        SUPERVISOR.id: Subscription(SUPERVISOR.id, wanted=False, changed_at=NOW),
    }
    assert [p.name for p in subscribers(EVERYBODY, said, policy)] == ["林小满", "赵仓", "钱进"]


def test_people_of_one_scope_share_a_digest() -> None:
    assert scope_of(SUPERVISOR) == Scope(frozenset({Role.SUPERVISOR}))
    assert scope_of(SERVICE).regions == {"华东"}
    assert scope_of(WAREHOUSE).warehouses == {"HZ1"}
    assert digest_id(DAY, scope_of(WAREHOUSE)) == "20260104-warehouse/*/HZ1/*"


def test_a_day_begins_at_midnight_in_shanghai() -> None:
    start, end = day_span(date(2028, 2, 29))
    assert (start.astimezone(UTC), end.astimezone(UTC)) == (
        datetime(2028, 2, 28, 16, 0, tzinfo=UTC),
        datetime(2028, 2, 29, 16, 0, tzinfo=UTC),
    )
