"""Who is brought into a room: by role, scope and rota, holes and leavers named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cards.room import sample_task
from domain.room import next_look
from domain.room_people import Muster, Place, muster, next_owner
from domain.room_policy import Duty, RoomPolicy
from domain.staff import Role, Staff
from tests.samples import FINANCE, SERVICE, SUPERVISOR, WAREHOUSE, People, person

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, a Tuesday
DOORS = [("wecom", "main"), ("dingtalk", "main")]
PLACE = Place("order", "", "tmall-flagship", "华东", "HZ1")


def gathered(
    policy: RoomPolicy | None = None,
    people: People | None = None,
    place: Place = PLACE,
    opener: Staff = SERVICE,
    now: datetime = NOW,
) -> Muster:
    return muster(place, opener, policy or RoomPolicy(), people or People(), DOORS, now)


def test_roles_of_the_kind_within_their_scope() -> None:
    north = person("北客", Role.SERVICE, wecom="bei", regions=frozenset({"华北"}))
    far = person("远仓", Role.WAREHOUSE, wecom="yuan", warehouses=frozenset({"CD9"}))
    other = person("别店", Role.SUPERVISOR, wecom="bie", shops=frozenset({"jd"}))
    found = gathered(people=People(SERVICE, WAREHOUSE, SUPERVISOR, north, far, other))
    assert list(found.members) == ["周全", "林小满", "赵仓"]
    assert found.owner is SUPERVISOR
    assert found.notes == []


def test_a_finer_rule_chooses_other_roles() -> None:
    found = gathered(place=replace(PLACE, kind="exception", rule="payment"))
    assert "钱进" in found.members
    assert "赵仓" not in found.members


def test_a_hole_in_the_rota_falls_back_to_the_supervisors_and_says_so() -> None:
    late = RoomPolicy(duty=(Duty(Role.WAREHOUSE, start="18:00", end="22:00", people=("赵仓",)),))
    found = gathered(late)
    assert "赵仓" not in found.members
    assert found.notes == ["仓库现在没有对应的人，由主管顶上"]
    on_time = gathered(late, now=NOW + timedelta(hours=10))
    assert on_time.members["赵仓"].why == "仓库值班"


def test_who_left_the_rota_is_named_and_the_next_one_comes() -> None:
    rota = RoomPolicy(duty=(Duty(Role.SUPERVISOR, people=("走了的", "周全")),))
    found = gathered(rota)
    assert found.owner is SUPERVISOR
    assert "值班表里的 走了的 已不在员工名单，换下一位" in found.notes


def test_the_alerts_owner_leads_unless_they_have_left() -> None:
    mine = gathered(place=replace(PLACE, kind="alert", owner="赵仓"))
    assert mine.owner is WAREHOUSE
    gone = gathered(place=replace(PLACE, kind="alert", owner="走了的"))
    assert gone.owner is SUPERVISOR
    assert "原负责人 走了的 已离开或没有账号，换下一位" in gone.notes


def test_nobody_to_lead_leaves_the_opener_and_who_has_no_account_is_named() -> None:
    mute = Staff("哑仓", "哑仓", frozenset({Role.WAREHOUSE}))
    found = gathered(people=People(SERVICE, mute))
    assert found.owner is SERVICE
    assert "没有能当负责人的人，由发起人负责" in found.notes
    assert "哑仓 没有可用的聊天账号，没能拉进来" in found.notes


def test_too_many_are_cut_and_named() -> None:
    crowd = [person(f"仓{n}", Role.WAREHOUSE, wecom=f"c{n}") for n in range(5)]
    found = gathered(RoomPolicy(most_people=4), People(SERVICE, SUPERVISOR, *crowd))
    assert len(found.members) == 4
    assert any("人数已满 4" in note for note in found.notes)


@pytest.mark.parametrize(
    ("duty", "hour", "on"),
    [
        (Duty(days=frozenset({2}), start="09:00", end="18:00"), 0, True),
        (Duty(days=frozenset({3}), start="09:00", end="18:00"), 0, False),
        (Duty(start="09:00", end="18:00"), 9, False),
        (Duty(days=frozenset({2}), start="22:00", end="06:00"), 14, True),  # 23:00 of its day
        (Duty(days=frozenset({2}), start="22:00", end="06:00"), 19, True),  # 04:00 of the next
        (Duty(days=frozenset({3}), start="22:00", end="06:00"), 19, False),
        (Duty(), 13, True),
    ],
)
def test_a_shift_covers_its_hours_over_midnight_too(duty: Duty, hour: int, on: bool) -> None:
    assert duty.covers(NOW + timedelta(hours=hour)) is on


def test_what_cannot_be_meant_is_refused_with_its_place() -> None:
    policy = RoomPolicy(
        roles={"order": (Role.SERVICE,), "shop": (Role.SERVICE,)},
        most_people=1,
        remind=timedelta(0),
        duty=(Duty(start="9:00", days=frozenset({8})),),
    )
    assert [where for where, _ in policy.faults()] == [
        ("roles", "shop"),
        ("most_people",),
        ("remind",),
        ("duty", 0, "start"),
        ("duty", 0, "days"),
        ("duty", 0, "people"),
    ]
    assert list(RoomPolicy().faults()) == []


def test_reminders_come_at_growing_intervals_a_day_at_most() -> None:
    task, chase = sample_task(), timedelta(hours=2)
    waits = []
    for told in range(6):
        look = next_look(replace(task, told=told), chase)
        assert look is not None
        waits.append((look - task.due_at).total_seconds() / 3600)
    assert waits == [0, 2, 6, 14, 30, 62]
    far = next_look(replace(task, told=40), chase)
    assert far == task.due_at + timedelta(days=40)
    assert next_look(replace(task, done_at=NOW), chase) is None


def test_a_member_leads_when_the_owner_has_left() -> None:
    from cards.room import sample_room

    doors = dict.fromkeys(DOORS)
    room = sample_room(owner="走了的")
    assert next_owner(room, People(), doors) is SUPERVISOR
    assert next_owner(room, People(FINANCE), doors) is None
