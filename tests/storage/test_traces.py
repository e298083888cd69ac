from __future__ import annotations

from datetime import timedelta

from domain.chat import Recipient, SubjectRef
from domain.clock import ManualClock
from domain.outbox import Effect, SendText
from storage.database import Database
from tests.storage.factory import SOMEBODY, make_audit

TRACE = "a1b2c3d4e5f6"


async def tell(db: Database, clock: ManualClock) -> None:
    """One message: heard, handled, answered at the second try."""
    payload = "<xml><Content>查单 13900001234 谢谢</Content></xml>".encode()
    await db.inbox.put("wecom", "main", "message", "k1", payload, TRACE)
    clock.advance(1)
    [heard] = await db.inbox.claim(1, 30)
    uow = db.unit_of_work(TRACE)
    uow.audit(make_audit(TRACE, at=clock.now(), details={"phone": "13900001234"}))
    uow.send(SendText(Recipient(SOMEBODY), "找到了 13900001234"))
    uow.finish_inbox(heard.id, "handled", "查单")
    await uow.commit()
    clock.advance(1)
    [item] = await db.outbox.claim(1, 30, [])
    clock.advance(1)
    await db.outbox.retry(item.id, "timeout of 13900001234", clock.now() + timedelta(seconds=5))
    clock.advance(5)
    [item] = await db.outbox.claim(1, 30, [])
    clock.advance(1)
    await db.outbox.done(item.id, {"message_id": "m1"})


async def test_a_trace_tells_its_story_from_callback_to_delivery(
    database: Database, clock: ManualClock
) -> None:
    await tell(database, clock)
    lines = await database.unit_of_work("t").traces.story(TRACE)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert [line.kind for line in lines] == ["inbox", "inbox", "audit", "outbox", "attempt", "attempt"]
    story = "\n".join(line.text for line in lines)
    for words in (
        "查单 139****1234 谢谢",
        "处理完成",
        "refund.requested",
        "找到了",
        "timeout",
        "第 2 次：成功",
    ):
        assert words in story
    assert "1000 毫秒" in story
    assert "13900001234" not in story


async def test_a_short_form_is_enough_while_it_is_the_only_one(
    database: Database, clock: ManualClock
) -> None:
    await tell(database, clock)
    traces = database.unit_of_work("t").traces
    whole = await traces.story(TRACE)
    assert await traces.story(TRACE[:6]) == whole
    assert await traces.story(f" {TRACE[:8]} ") == whole
    assert list(await traces.story(TRACE[:5])) == []
    assert list(await traces.story("zzzzzzzz")) == []
    assert list(await traces.story("")) == []
    other = database.unit_of_work(TRACE[:8] + "9999")
    other.send(Effect("order.fetch", SubjectRef("order", "1"), {"number": "77"}))
    await other.commit()
    assert list(await traces.story(TRACE[:8])) == []  # two begin so
    assert await traces.story(TRACE) == whole
    [line] = await traces.story(TRACE[:8] + "9999")
    assert "order.fetch order/1 number=77" in line.text


async def test_what_is_still_on_its_way_is_told_as_such(database: Database) -> None:
    await database.inbox.put("dingtalk", "main", "robot", "k1", b"\xff\xfe not utf-8", TRACE)
    [line] = await database.unit_of_work("t").traces.story(TRACE)
    assert (line.kind, "dingtalk:main robot" in line.text) == ("inbox", True)
