"""Groups of the DingTalk door against the simulator: never two for a key, the robot brought in or said how."""

from __future__ import annotations

import pytest

from cards.door import Refused, Unsure
from domain.chat import Account, Recipient
from sandbox.dingtalk.records import Group
from tests.integrations.dingtalk_kit import Desk, desk, eventually

CREATE = "/v1.0/im/group/create"
SCOPES = ["qyapi_base", "qyapi_robot_sendmsg", "qyapi_chat_manage"]  # may not read contacts


def person(user: str) -> Account:
    return Account("dingtalk", "main", user)


LIN, QIAN, ZHOU = person("0101"), person("0103"), person("0104")
GHOST, ELSEWHERE = person("0999"), Account("wecom", "main", "linxiaoman")


def group_of(at: Desk, chat_id: str) -> Group:
    return at.kit.sim.tenant.groups[chat_id]


def made_groups(at: Desk) -> int:
    return sum(effect.kind == "group" for effect in at.kit.world.effects)


async def test_a_group_is_made_with_our_robot_in_it() -> None:
    async with desk() as at:
        made = await at.door.create_group("作战室 W-12", ZHOU, [LIN, ZHOU], key="room.12")
        assert (made.missing, made.to_do) == ((), "")
        group = group_of(at, made.chat_id)
        assert (group.name, group.owner, group.members) == ("作战室 W-12", "0104", ["0104", "0101"])
        await at.door.send_text(Recipient(LIN, made.chat_id), "请看", key="k1", attempt=1)
        assert [m["text"] for m in at.bot_messages(chat=made.chat_id)] == ["请看"]


async def test_the_robot_hears_the_group_it_made() -> None:
    async with desk() as at, at.listening():
        made = await at.door.create_group("作战室", ZHOU, [LIN], key="room.12")
        await at.kit.say("0101", "@前哨 记录 已联系仓库", chat=made.chat_id)
        await eventually(lambda: at.inbox.kept)
        assert (await at.last_message()).chat_id == made.chat_id


@pytest.mark.parametrize("answer", ["403", "404"])
async def test_where_the_robot_cannot_come_in_a_person_is_told_what_to_tap(answer: str) -> None:
    async with desk() as at:
        at.kit.switch(org_robots_add=answer)
        made = await at.door.create_group("作战室", ZHOU, [LIN], key="room.12")
        for words in ("作战室", "群设置", "机器人", "添加", "群号"):
            assert words in made.to_do
        at.kit.sim.change_group(made.chat_id, {"robot": "add"})
        again = await at.door.create_group("作战室", ZHOU, [LIN], key="room.12", attempt=2)
        assert (again.chat_id, again.to_do) == (made.chat_id, "")
        assert made_groups(at) == 1


async def test_a_list_of_robots_that_cannot_be_read_leaves_the_group_standing() -> None:
    async with desk() as at:
        at.kit.plant("quota", path="/v1.0/robot/groups/robots/query")
        made = await at.door.create_group("作战室", ZHOU, [LIN], key="room.12")
        assert "没能确认" in made.to_do


async def test_strangers_are_named_and_stop_nobody() -> None:
    async with desk() as at:
        made = await at.door.create_group("作战室", ZHOU, [GHOST, LIN, ELSEWHERE, LIN], key="room.13")
        assert set(made.missing) == {GHOST, ELSEWHERE}
        assert group_of(at, made.chat_id).members == ["0104", "0101"]


async def test_strangers_are_found_without_the_permission_to_read_contacts() -> None:
    async with desk(scopes=SCOPES) as at:
        made = await at.door.create_group("作战室", ZHOU, [GHOST, LIN, QIAN], key="room.14")
        assert made.missing == (GHOST,)
        assert group_of(at, made.chat_id).members == ["0104", "0101", "0103"]
        assert made_groups(at) == 1


async def test_somebody_else_owns_the_group_of_an_owner_who_is_gone_or_out_of_sight() -> None:
    async with desk(visible=["0101", "0103"]) as at:
        made = await at.door.create_group("作战室", ZHOU, [LIN], key="room.15")
        assert (group_of(at, made.chat_id).owner, made.missing) == ("0101", ())
        assert "0104" in group_of(at, made.chat_id).members
        made = await at.door.create_group("作战室", GHOST, [QIAN, LIN], key="room.16")
        assert (group_of(at, made.chat_id).owner, made.missing) == ("0103", (GHOST,))


async def test_nobody_in_sight_is_refused_in_words() -> None:
    async with desk(visible=["0103"]) as at:
        with pytest.raises(Refused, match="可见范围"):
            await at.door.create_group("作战室", ZHOU, [LIN], key="room.17")


async def test_a_missing_permission_is_named() -> None:
    async with desk(scopes=["qyapi_base", "qyapi_get_member"]) as at:
        with pytest.raises(Refused, match="qyapi_chat_manage"):
            await at.door.create_group("作战室", ZHOU, [LIN], key="room.18")


async def test_after_a_lost_answer_a_person_is_asked_to_look() -> None:
    """Nothing at the platform could tell whether the group is there."""
    async with desk() as at:
        at.kit.plant("lost_answer", path=CREATE)
        with pytest.raises(Unsure):
            await at.door.create_group("作战室", ZHOU, [LIN], key="room.19")
        for attempt in (1, 2):
            with pytest.raises(Refused, match="可能已经建好"):
                await at.door.create_group("作战室", ZHOU, [LIN], key="room.19", attempt=attempt)
        assert made_groups(at) == 1
        at.kit.world.clock.advance(601)
        await at.door.create_group("作战室", ZHOU, [LIN], key="room.19")
        assert made_groups(at) == 2  # asked for anew by a person who looked


async def test_a_later_attempt_of_a_process_that_forgot_makes_no_second_group() -> None:
    async with desk() as at:
        with pytest.raises(Refused, match="可能已经建好"):
            await at.door.create_group("作战室", ZHOU, [LIN], key="room.20", attempt=2)
        assert made_groups(at) == 0


async def test_an_attempt_that_is_known_to_have_made_nothing_may_be_repeated() -> None:
    async with desk() as at:
        at.kit.plant("quota", path=CREATE)
        with pytest.raises(Refused):
            await at.door.create_group("作战室", ZHOU, [LIN], key="room.21", attempt=1)
        await at.door.create_group("作战室", ZHOU, [LIN], key="room.21", attempt=2)
        assert made_groups(at) == 1


async def test_from_a_template_the_platform_itself_makes_no_second_group() -> None:
    async with desk(changes={"group_template_id": "tpl-1"}) as at:
        at.kit.switch(group_templates="tpl-1")
        at.kit.plant("lost_answer", path="/v1.0/im/sceneGroup/create")
        made = await at.door.create_group("作战室 W-22", ZHOU, [LIN, GHOST], key="room.22")
        assert (made.missing, made.to_do) == ((GHOST,), "")
        again = await at.door.create_group("作战室 W-22", ZHOU, [LIN], key="room.22", attempt=2)
        assert again.chat_id == made.chat_id
        assert made_groups(at) == 1


@pytest.mark.parametrize("template", ["", "tpl-1"])
async def test_members_and_name_change(template: str) -> None:
    async with desk(changes={"group_template_id": template}) as at:
        at.kit.switch(group_templates="tpl-1")
        made = await at.door.create_group("作战室", ZHOU, [LIN], key="room.23")
        group = group_of(at, made.chat_id)
        for _ in range(2):
            changed = await at.door.change_group(
                made.chat_id, add=[QIAN, GHOST], remove=[LIN], name="[已结束] 作战室", handle=made.handle
            )
            assert changed.missing == (GHOST,)
            assert (group.name, group.owner, group.members) == ("[已结束] 作战室", "0104", ["0104", "0103"])
        await at.door.change_group(made.chat_id, remove=[ZHOU], handle=made.handle)
        assert (group.owner, group.members) == ("0103", ["0103"])
        with pytest.raises(Refused, match="至少要留一个人"):
            await at.door.change_group(made.chat_id, remove=[QIAN], handle=made.handle)


async def test_a_group_whose_handle_is_lost_is_changed_by_hand() -> None:
    async with desk() as at:
        with pytest.raises(Refused, match="群主在 群设置"):
            await at.door.change_group(str(at.kit.app["group"]), name="x")


async def test_long_names_are_cut() -> None:
    async with desk() as at:
        made = await at.door.create_group("作" * 30, ZHOU, [LIN], key="room.24")
        assert group_of(at, made.chat_id).name == "作" * 20
