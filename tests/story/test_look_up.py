"""Looking orders up, the same on both platforms."""

from __future__ import annotations

import pytest

from tests.office import LIN, PLATFORMS, QIAN, STRANGER, WU, ZHAO, Office, holds, summary

PHONE = "13800138123"
both = pytest.mark.parametrize("platform", PLATFORMS)


@both
async def test_help_lists_only_what_the_caller_may_do(office: Office, platform: str) -> None:
    await office.say(platform, LIN, "帮助")
    service = await office.text(platform, LIN, "林小满", "退款 订单号")
    assert "同意" not in service
    assert "追踪" not in service
    await office.say(platform, QIAN, "help")
    finance = await office.text(platform, QIAN, "钱进", "同意、驳回")
    assert "退款 订单号" not in finance
    assert len(finance.splitlines()) < 20
    await office.say(platform, QIAN, "帮助 同意")
    topic = await office.text(platform, QIAN, "同意 RF编号", "退款单 RF编号")
    assert "查单" not in topic
    await office.say(platform, QIAN, "帮助 全部")
    await office.text(platform, QIAN, "同意 RF编号", "静默 2小时 [编号]")
    await office.say(platform, LIN, "帮助 对帐")
    assert "对账" not in await office.text(platform, LIN, "没有你能用的命令“对帐”")


@both
@pytest.mark.parametrize(
    "wording", ["查单 {no}", "{no}", "chadan {no}", "帮我看下 {no} 到哪了，客户催了👍", "查单{no}"]
)
async def test_one_match_gives_the_order_card(office: Office, platform: str, wording: str) -> None:
    number = await office.order("129.00", receiver={"name": "李小明", "phone": PHONE})
    await office.say(platform, LIN, wording.format(no=number))
    card = await office.card(platform, LIN, "¥129.00", number, "刷新", "申请退款")
    assert PHONE not in summary(card)
    assert "李小明" not in summary(card)


@both
async def test_found_by_last_four_digits_and_by_waybill(office: Office, platform: str) -> None:
    number = await office.order(status="shipped", waybill="SF1234567890123", receiver={"phone": PHONE})
    await office.say(platform, LIN, "尾号8123的客户")
    shown = await office.card(platform, LIN, number)
    await office.say(platform, LIN, f"查单 {PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}")
    await office.wait(platform, LIN, lambda m: holds(m, number) and m["id"] != shown["id"])
    other = await office.order(status="shipped", waybill="SF9999967890123")
    await office.say(platform, LIN, "SF9999967890123 到哪了")
    await office.card(platform, LIN, other, "SF9999967890123")


@both
async def test_several_matches_give_a_list_to_choose_from(office: Office, platform: str) -> None:
    first, second = await office.order("11.00"), await office.order("22.00")
    await office.say(platform, LIN, f"这两单看下\n{first}\n{second}")
    listed = await office.card(platform, LIN, "找到 2 张订单", "¥11.00", "¥22.00")
    button = next(b["text"] for b in listed["card"]["buttons"] if second[-6:] in b["text"])
    await office.tap(platform, LIN, listed, button)
    await office.card(platform, LIN, second, "¥22.00", "刷新")


@both
async def test_an_order_the_desk_has_never_seen_is_asked_for_at_the_shop(
    office: Office, platform: str
) -> None:
    made = await office.post("/orders", {"orders": [{"payment": "77.00", "status": "paid"}]})
    number = made["orders"][0]["platform_order_id"]
    await office.say(platform, LIN, number)
    await office.card(platform, LIN, number, "¥77.00")


@both
async def test_no_match_says_where_it_looked(office: Office, platform: str) -> None:
    await office.say(platform, LIN, "查单 4999999999999999999")
    text = await office.text(platform, LIN, "没找到", "订单号")
    assert "天猫旗舰店" in text


@both
@pytest.mark.parametrize(
    ("typed", "meant"),
    [("帮主", "帮助"), ("tuikaun", "退款"), ("茶单", "查单"), ("bangzh", "帮助"), ("退宽", "退款")],
)
async def test_a_typo_gets_the_nearest_commands(
    office: Office, platform: str, typed: str, meant: str
) -> None:
    await office.say(platform, LIN, typed)
    await office.text(platform, LIN, "没看懂", meant)


@both
async def test_an_unknown_user_is_told_politely_and_nothing_else(office: Office, platform: str) -> None:
    number = await office.order("129.00")
    await office.say(platform, STRANGER, number)
    text = await office.text(platform, STRANGER, "登记")
    assert number not in text
    assert "129" not in text


@both
async def test_what_a_role_may_not_see_looks_like_nothing(office: Office, platform: str) -> None:
    number = await office.order("129.00", status="completed")
    for person in (ZHAO, WU):
        await office.say(platform, person, f"查单 {number}")
        text = await office.text(platform, person, "没找到")
        assert "129" not in text


@both
async def test_refresh_reads_the_order_at_the_shop_and_changes_the_card_in_place(
    office: Office, platform: str
) -> None:
    number = await office.order("129.00")
    await office.say(platform, LIN, number)
    card = await office.card(platform, LIN, number, "已付款")
    await office.post("/shops/taobao/buyer", {"tid": number, "amount": "50.00", "reason": "少发"})
    await office.tap(platform, LIN, card, "刷新")
    changed = await office.wait(
        platform, LIN, lambda m: m["id"] == card["id"] and holds(m, "买家申请退款 ¥50.00")
    )
    assert changed["updates"] >= 1


@both
async def test_emoji_and_ten_thousand_characters_are_answered(office: Office, platform: str) -> None:
    await office.say(platform, LIN, "😀👨‍👩‍👧‍👦")
    await office.text(platform, LIN, "没看懂")
    number = await office.order("129.00")
    await office.say(platform, LIN, f"{number} " + "长" * (600 if platform == "wecom" else 9000))
    await office.card(platform, LIN, number)


async def test_in_a_dingtalk_group_the_robot_is_called_by_name_and_answers_there(office: Office) -> None:
    number = await office.order("129.00")
    group = (await office.get("/credentials"))["dingtalk"][0]["group"]
    await office.say("dingtalk", LIN, f"@前哨 查单 {number}", chat=group)
    shown = await office.group_card(group, number, "刷新")
    await office.post("/shops/taobao/buyer", {"tid": number, "amount": "50.00", "reason": "少发"})
    await office.tap("dingtalk", LIN, shown, "刷新")
    await office.group_card(group, number, "买家申请退款 ¥50.00")
    await office.tap("dingtalk", WU, shown, "刷新")
    await office.text_in(group, "没找到这张订单")
