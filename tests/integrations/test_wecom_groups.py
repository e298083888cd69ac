"""Groups of the WeCom door against the simulator: one for a key, strangers named, limits kept."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from cards.door import Refused, Retry
from domain.chat import Account, Recipient
from domain.fleet_budgets import BudgetsAlone
from integrations.chat.wecom import limits
from integrations.chat.wecom.limits import SendLimits
from tests.integrations.wecom_kit import Rig, rig

GHOST = Account("wecom", "main", "ghost")
ELSEWHERE = Account("dingtalk", "main", "0101")


def person(user: str) -> Account:
    return Account("wecom", "main", user)


LIN, ZHOU, QIAN = person("linxiaoman"), person("zhouquan"), person("qianjin")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def r() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made


def room(r: Rig, chat_id: str) -> tuple[str, str, list[str]]:
    """Name, owner and members as the platform has them."""
    chat = r.wecom.chats.chats[chat_id]
    return chat.name, chat.owner, chat.userlist


def into(chat_id: str) -> Recipient:
    return Recipient(Account("wecom", "main", ""), chat_id)


async def test_a_group_is_made_and_hears_from_us(r: Rig) -> None:
    made = await r.door.create_group("作战室 W-12", ZHOU, [LIN, QIAN, ZHOU], key="room.12")
    assert (made.missing, made.to_do) == ((), "")
    assert room(r, made.chat_id) == ("作战室 W-12", "zhouquan", ["zhouquan", "linxiaoman", "qianjin"])
    assert r.wecom.groups("linxiaoman") == []  # nobody sees it before its first message
    await r.door.send_text(into(made.chat_id), "请看", key="k1", attempt=1)
    await r.door.send_markdown(into(made.chat_id), "**红灯** <@zhouquan>", key="k2", attempt=1)
    await r.door.send_file(into(made.chat_id), "a.csv", "text/csv", b"1234567", key="k3", attempt=1)
    assert [m["type"] for m in r.wecom.messages(chat=made.chat_id)] == ["text", "markdown", "file"]
    assert [g["chat"] for g in r.wecom.groups("linxiaoman")] == [made.chat_id]


async def test_the_same_key_finds_the_group_again(r: Rig) -> None:
    first = await r.door.create_group("作战室", ZHOU, [LIN], key="room.12")
    again = await r.another_door().create_group("作战室", ZHOU, [LIN, QIAN], key="room.12", attempt=2)
    assert again.chat_id == first.chat_id
    assert again.missing == (QIAN,)  # the group that is there does not hold him
    assert len(r.wecom.chats.chats) == 1


async def test_a_lost_answer_makes_no_second_group(r: Rig) -> None:
    r.fault("lost_answer", "appchat/create")
    made = await r.door.create_group("作战室", ZHOU, [LIN], key="room.12")
    assert list(r.wecom.chats.chats) == [made.chat_id]
    assert made.missing == ()


async def test_strangers_are_named_and_stop_nobody(r: Rig) -> None:
    odd = Account("wecom", "main", "a|@all")
    made = await r.door.create_group("作战室", GHOST, [LIN, ELSEWHERE, ZHOU, odd, LIN], key="room.13")
    assert set(made.missing) == {GHOST, ELSEWHERE, odd}
    assert room(r, made.chat_id)[1:] == ("linxiaoman", ["linxiaoman", "zhouquan"])
    again = await r.door.create_group("作战室", GHOST, [LIN, ZHOU], key="room.13")
    assert (again.chat_id, again.missing) == (made.chat_id, (GHOST,))


async def test_one_person_is_no_group(r: Rig) -> None:
    with pytest.raises(Refused, match="2 到 2000 人，现在能进群的有 1 人"):
        await r.door.create_group("作战室", LIN, [GHOST], key="room.14")
    assert r.wecom.chats.chats == {}


async def test_long_names_are_cut(r: Rig) -> None:
    made = await r.door.create_group("作" * 60, LIN, [ZHOU], key="room.15")
    assert room(r, made.chat_id)[0] == "作" * 50


async def test_an_app_of_part_of_the_corp_is_told_what_to_change(r: Rig) -> None:
    await r.wecom.configure("main", {"scope": ["linxiaoman", "zhouquan"]})
    with pytest.raises(Refused, match="可见范围") as refused:
        await r.door.create_group("作战室", LIN, [ZHOU], key="room.16")
    assert refused.value.code == "48002"


async def test_the_limit_of_a_day_is_waited_for(r: Rig) -> None:
    r.fault("429", "appchat/create")
    with pytest.raises(Retry):
        await r.door.create_group("作战室", LIN, [ZHOU], key="room.17")


async def test_members_and_name_change_and_repeats_do_nothing(r: Rig) -> None:
    made = await r.door.create_group("作战室", LIN, [ZHOU], key="room.18")
    for _ in range(2):
        changed = await r.door.change_group(
            made.chat_id, add=[QIAN, GHOST], remove=[LIN], name="[已结束] 作战室"
        )
        assert changed.missing == (GHOST,)
        assert room(r, made.chat_id) == ("[已结束] 作战室", "zhouquan", ["zhouquan", "qianjin"])
    updates = r.calls("appchat/update")
    await r.door.change_group(made.chat_id, add=[QIAN], remove=[LIN], name="[已结束] 作战室")
    assert r.calls("appchat/update") == updates


async def test_a_group_keeps_two(r: Rig) -> None:
    made = await r.door.create_group("作战室", LIN, [ZHOU], key="room.19")
    with pytest.raises(Refused, match="至少要留 2 人"):
        await r.door.change_group(made.chat_id, remove=[LIN])


async def test_a_group_of_somebody_else_is_refused(r: Rig) -> None:
    with pytest.raises(Refused, match="没有这个群"):
        await r.door.change_group("nosuch", name="x")
    r.wecom.new_app({"app": "other"})
    made = await r.door.create_group("作战室", LIN, [ZHOU], key="room.20")
    r.wecom.chats.chats[made.chat_id].app = "other"
    with pytest.raises(Refused, match="不是本应用建的"):
        await r.door.change_group(made.chat_id, name="x")


async def test_members_are_read_again_after_ten_minutes(r: Rig) -> None:
    """Who left by hand is not counted for ever."""
    made = await r.door.create_group("作战室", LIN, [ZHOU, QIAN], key="room.21")
    await r.door.send_text(into(made.chat_id), "一", key="k1", attempt=1)
    assert r.calls("appchat/get") == 0
    r.wecom.change_group(made.chat_id, {"leave": "qianjin"})
    r.world.clock.advance(601)
    await r.door.send_text(into(made.chat_id), "二", key="k2", attempt=1)
    await r.door.send_text(into(made.chat_id), "三", key="k3", attempt=1)
    assert r.calls("appchat/get") == 1


async def test_200_a_minute_to_one_member_from_all_groups() -> None:
    kept = SendLimits(BudgetsAlone(time.monotonic), "main")
    await kept.take_group("g1", 100, members=["lisi", "wangwu"])
    await kept.take_group("g2", 80, members=["LiSi", "zhao"])
    with pytest.raises(Retry):
        await kept.take_group("g3", 1, members=["lisi"])
    await kept.take_group("g3", 1, members=["zhao"])


async def test_person_times_of_the_corp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty thousand a minute: fifty people cost fifty; two apps of a corp share it where they share a storage."""
    kept = SendLimits(BudgetsAlone(time.monotonic), "main", corp="ww1")
    crowd = [f"u{n}" for n in range(1800)]
    for n in range(10):
        await kept.take_group(f"g{n}", members=crowd[:1])
    monkeypatch.setattr(limits, "GROUPS_TO_MEMBER", ())
    for n in range(9):
        await kept.take_group(f"g{n}", members=crowd)
    await kept.take_group("g9", members=crowd[:1790])
    with pytest.raises(Retry):
        await kept.take_group("g10", members=crowd[:1])
