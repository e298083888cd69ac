"""The door against the simulator, over real HTTP: sending, repeats, tokens, limits, callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import pytest
import stamina

from cards.door import ChatDoor, Refused, Retry, Unsure
from domain.chat import Account, Message, Recipient
from integrations.chat.wecom import verify_callback
from integrations.chat.wecom.attempts import CleanAttempts
from integrations.chat.wecom.errors import Misconfigured
from tests.integrations.wecom_kit import LIN, Rig, refund_card, rig, to

SEND = "message/send"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def r() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made


async def test_it_is_a_chat_door(r: Rig) -> None:
    door: ChatDoor = r.door
    assert (door.platform, door.app) == ("wecom", "main")
    assert door.capabilities.updates_cards
    assert not door.capabilities.cards_to_groups


async def test_text_arrives(r: Rig) -> None:
    sent = await r.door.send_text(to(), "订单已发货 👍", key="k1", attempt=1)
    assert r.texts() == ["订单已发货 👍"]
    assert sent.platform_id == r.seen()[0]["id"]


async def test_ten_thousand_characters_arrive_in_order_and_whole(r: Rig) -> None:
    text = "\n".join(f"{n:04d} 订单已发货 👨‍👩‍👧‍👦，请留意查收" for n in range(500))[:10_000].strip()
    await r.door.send_text(to(), text, key="k1", attempt=1)
    shown = r.texts()
    assert len(shown) > 1
    assert not any(m.get("cut") or m["dropped"] for m in r.seen())
    assert "\n".join(part.split("\n", 1)[1] for part in shown) == text


async def test_markdown_files_and_pictures(r: Rig) -> None:
    await r.door.send_markdown(to(), "**告警**", key="k1", attempt=1)
    await r.door.send_file(to(), "对账单.csv", "text/csv", b"1,2,3,4,5", key="k2", attempt=1)
    await r.door.send_file(to(), "a.png", "image/png", b"\x89PNG....", key="k3", attempt=1)
    assert [m["type"] for m in r.seen()] == ["markdown", "file", "image"]
    assert r.texts()[1] == "对账单.csv"


async def test_a_repeated_file_is_not_shown_twice(r: Rig) -> None:
    r.fault("lost_answer", SEND)
    with pytest.raises(Unsure):
        await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k1", attempt=1)
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k1", attempt=2)
    assert len(r.seen()) == 1
    assert r.calls("media/upload") == 1


async def test_an_expired_upload_is_made_again(r: Rig) -> None:
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k1", attempt=1)
    r.wecom.media._media.clear()
    with pytest.raises(Retry, match="重新上传"):
        await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k2", attempt=1)
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k2", attempt=2)
    assert len(r.seen()) == 2


async def test_an_upload_is_used_again_while_it_lives(r: Rig) -> None:
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k1", attempt=1)
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k2", attempt=1)
    assert r.calls("media/upload") == 1
    r.world.clock.advance(3 * 86400)
    await r.door.send_file(to(), "a.csv", "text/csv", b"1234567", key="k3", attempt=1)
    assert r.calls("media/upload") == 2


async def test_a_message_can_be_recalled(r: Rig) -> None:
    sent = await r.door.send_text(to(), "发错了", key="k1", attempt=1)
    await r.door.recall(sent.platform_id)
    assert r.texts() == ["[消息已撤回]"]


async def test_a_text_whose_answer_was_lost_is_shown_once(r: Rig) -> None:
    r.fault("lost_answer", SEND)
    with pytest.raises(Unsure):
        await r.door.send_text(to(), "订单已发货", key="k1", attempt=1)
    await r.door.send_text(to(), "订单已发货", key="k1", attempt=2)
    assert r.texts() == ["订单已发货"]


async def test_parts_that_arrived_are_not_repeated_after_a_break(r: Rig) -> None:
    text = "\n".join(f"{n:04d} 订单已发货" for n in range(300))
    news = r.world.listen()
    first = asyncio.ensure_future(anext(news))
    await asyncio.sleep(0)
    sending = asyncio.create_task(r.door.send_text(to(), text, key="k1", attempt=1))
    await first
    r.fault("lost_answer", SEND)  # strikes the second part
    assert isinstance(news, AsyncGenerator)
    await news.aclose()
    with pytest.raises(Unsure):
        await sending
    assert len(r.texts()) == 2
    await r.door.send_text(to(), text, key="k1", attempt=2)
    parts = [t.split("\n")[0] for t in r.texts()]
    assert len(parts) > 2
    assert parts == [f"({n}/{len(parts)})" for n in range(1, len(parts) + 1)]


async def test_parts_are_not_repeated_after_a_refusal_in_the_middle(r: Rig) -> None:
    text = "\n".join(f"{n:04d} 订单已发货" for n in range(100))
    news = r.world.listen()
    first = asyncio.ensure_future(anext(news))
    await asyncio.sleep(0)
    sending = asyncio.create_task(r.door.send_text(to(), text, key="k1", attempt=1))
    await first
    r.fault("429", SEND)
    with pytest.raises(Retry):
        await sending
    assert isinstance(news, AsyncGenerator)
    await news.aclose()
    r.world.clock.advance(61)
    await r.door.send_text(to(), text, key="k1", attempt=2)
    assert [t.split("\n")[0] for t in r.texts()] == ["(1/2)", "(2/2)"]


async def test_a_wait_after_an_unknown_outcome_keeps_the_check_on(r: Rig) -> None:
    r.fault("lost_answer", SEND)
    with pytest.raises(Unsure):
        await r.door.send_text(to(), "订单已发货", key="k1", attempt=1)
    r.fault("429", SEND)
    with pytest.raises(Retry):
        await r.door.send_text(to(), "订单已发货", key="k1", attempt=2)
    r.world.clock.advance(61)
    await r.door.send_text(to(), "订单已发货", key="k1", attempt=3)
    assert r.texts() == ["订单已发货"]


def test_an_attempt_made_elsewhere_switches_the_check_on() -> None:
    attempts = CleanAttempts()
    attempts.note("k1", 1, clean=True)
    assert not attempts.must_check("k1", 2)
    assert attempts.must_check("k1", 3)  # the second was another replica's
    attempts.note("k1", 2, clean=False)
    assert attempts.must_check("k1", 3)


async def test_after_a_restart_a_repeat_is_checked_too(r: Rig) -> None:
    await r.door.send_text(to(), "订单已发货", key="k1", attempt=1)
    await r.another_door().send_text(to(), "订单已发货", key="k1", attempt=2)
    assert r.texts() == ["订单已发货"]


async def test_the_same_answer_to_two_questions_is_shown_twice(r: Rig) -> None:
    """Also when the second had to wait: it was surely not sent, so nothing guards it (§4.9)."""
    await r.door.send_text(to(), "没有找到", key="k1", attempt=1)
    r.fault("429", SEND)
    with pytest.raises(Retry):
        await r.door.send_text(to(), "没有找到", key="k2", attempt=1)
    r.world.clock.advance(61)
    await r.door.send_text(to(), "没有找到", key="k2", attempt=2)
    assert r.texts() == ["没有找到"] * 2


async def test_twenty_sends_fetch_one_token(r: Rig) -> None:
    users = [p.wecom for p in r.world.people]
    await asyncio.gather(
        *(r.door.send_text(to(users[n % 5]), f"消息 {n}", key=f"k{n}", attempt=1) for n in range(20))
    )
    assert r.calls("gettoken") == 1
    assert sum(len(r.texts(u)) for u in users[:5]) == 20


async def test_a_token_revoked_in_mid_flight_is_renewed_unseen(r: Rig) -> None:
    await r.door.send_text(to(), "一", key="k1", attempt=1)
    r.fault("token_revoked", SEND)
    await asyncio.gather(*(r.door.send_text(to(), f"二 {n}", key=f"k{n}", attempt=1) for n in range(2, 12)))
    assert len(r.texts()) == 11
    assert r.calls("gettoken") == 2


async def test_an_expired_token_is_renewed_before_its_end(r: Rig) -> None:
    await r.door.send_text(to(), "一", key="k1", attempt=1)
    r.world.clock.advance(7300)
    await r.door.send_text(to(), "二", key="k2", attempt=1)
    assert r.texts() == ["一", "二"]


async def test_a_bad_secret_is_asked_once_and_named(r: Rig) -> None:
    door = r.another_door(secret="wrong")
    for n in range(10):
        with pytest.raises(Misconfigured, match="secret"):
            await door.send_text(to(), "x", key=f"k{n}", attempt=1)
    assert r.calls("gettoken") == 1
    passed, words = await door.probe_token()
    assert not passed
    assert "Secret" in words


async def test_nothing_is_ever_dropped_in_silence(r: Rig) -> None:
    tries = [r.door.send_text(to(), f"消息 {n}", key=f"k{n}", attempt=1) for n in range(40)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    late = [e.retry_after for e in results if isinstance(e, Retry)]
    assert len(late) == 15
    assert all(after is not None and 0 < after <= 60 for after in late)
    assert len(r.texts()) == 25
    assert not any(m["dropped"] for m in r.seen())


@pytest.mark.parametrize("user", ["a|b", "@all", "", "x" * 65, "-a"])
async def test_only_one_member_can_be_addressed(r: Rig, user: str) -> None:
    with pytest.raises(Refused, match="userid"):
        await r.door.send_text(to(user), "x", key="k1", attempt=1)
    with pytest.raises(Refused, match="userid"):
        await r.door.send_card(to(user), refund_card(), card_id="c1", attempt=1)
    assert r.calls(SEND) == 0


async def test_a_stranger_is_refused_with_what_to_do(r: Rig) -> None:
    with pytest.raises(Refused, match="可见范围") as refused:
        await r.door.send_text(to("nobody"), "x", key="k1", attempt=1)
    assert refused.value.code == "81013"


async def test_empty_text_is_not_sent(r: Rig) -> None:
    with pytest.raises(Refused, match="空消息"):
        await r.door.send_text(to(), " \n", key="k1", attempt=1)


async def test_groups_get_text_but_no_cards(r: Rig) -> None:
    body = {"name": "作战室 W-12", "owner": LIN, "userlist": [LIN, "zhouquan"], "chatid": "qsW12"}
    await r.door.client.post("appchat/create", body, effect=True)
    group = Recipient(Account("wecom", "main", LIN), chat_id="qsW12")
    await r.door.send_text(group, "请看", key="k1", attempt=1)
    assert [m["text"] for m in r.wecom.messages(chat="qsW12")] == ["请看"]
    with pytest.raises(Refused, match="不能发卡片"):
        await r.door.send_card(group, refund_card(), card_id="c1", attempt=1)


async def test_what_people_say_comes_in(r: Rig) -> None:
    await r.wecom.say(LIN, "查单 20260101-0001 👍", attachments=[])
    await r.wecom.settle()
    query, body = r.heard[0]
    verified = verify_callback(r.door.envelope, query, body, r.world.clock.now())
    message = r.door.parse(verified.kind, verified.payload, verified.key)
    assert isinstance(message, Message)
    assert message.text == "查单 20260101-0001 👍"
    assert message.account == Account("wecom", "main", LIN)
    assert verified.key.isdigit()


async def test_probes_tell_what_to_do(r: Rig) -> None:
    assert [passed for passed, _ in await r.door.check()] == [True, True]
    r.world.switches["wecom.ip_allowlist"] = "203.0.113.1"
    passed, words = await r.door.probe_ip()
    assert not passed
    assert "127.0.0.1" in words
    assert "企业可信IP" in words
