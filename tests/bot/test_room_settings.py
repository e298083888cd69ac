"""`policies.rooms` of the settings: read as an operator writes it, refused with the line where it cannot be meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.settings import settings_from_text
from bot.settings_errors import SettingsError
from domain.room_policy import Duty, RoomPolicy
from domain.staff import Role

GOOD = """\
policies:
  rooms:
    roles:
      alert.ship: [warehouse, supervisor]
    owner: [warehouse, supervisor]
    task_limit: 2h
    duty:
      - {role: warehouse, days: [1, 2, 3, 4, 5], start: "09:00", end: "18:00", people: [赵仓]}
      - {role: supervisor, people: [周全, 李代]}
"""


def test_the_rota_as_an_operator_writes_it() -> None:
    policy = settings_from_text(GOOD, environ={}).policies.rooms
    assert policy.duty == (
        Duty(Role.WAREHOUSE, frozenset({1, 2, 3, 4, 5}), "09:00", "18:00", ("赵仓",)),
        Duty(Role.SUPERVISOR, people=("周全", "李代")),
    )
    assert (policy.owner, policy.task_limit) == ((Role.WAREHOUSE, Role.SUPERVISOR), timedelta(hours=2))
    assert policy.roles_for("alert", "ship") == (Role.WAREHOUSE, Role.SUPERVISOR)
    # What is not written is as it is without settings.
    usual = RoomPolicy()
    assert policy.roles_for("exception", "payment") == usual.roles_for("exception", "payment")
    assert policy.remind == usual.remind


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('start: "09:00"', "start: 9", "duty"),
        ('end: "18:00"', 'end: "25:00"', "时间写成"),
        ("days: [1, 2", "days: [0, 2", "1（周一）到 7"),
        ("people: [赵仓]", "people: []", "要写值班的人"),
        ("alert.ship", "alarm.ship", "order、alert、exception"),
        ("task_limit: 2h", "task_limit: 0", "大于 0"),
        ("role: warehouse", "role: warehose", "warehouse"),
        ("task_limit", "task_limits", "task_limit"),
    ],
)
def test_what_cannot_be_meant_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings_from_text(GOOD.replace(old, new, 1), environ={})
