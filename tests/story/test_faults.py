"""The far sides misbehave in the middle of a refund: it is paid once, shown everywhere, and nothing is doubled."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.office import LIN, PLATFORMS, QIAN, SUN, ZHOU, Office, holds, summary

FAULTS = [
    *[
        ("wecom", kind)
        for kind in (
            "duplicate",
            "late",
            "reorder",
            "concurrency",
            "5xx",
            "busy",
            "token_revoked",
            "lost_answer",
        )
    ],
    *[
        ("dingtalk", kind)
        for kind in (
            "duplicate",
            "late",
            "reorder",
            "429",
            "5xx",
            "token_revoked",
            "lost_answer",
            "disconnect",
        )
    ],
    ("dingtalk", "deliver_failed"),
    ("dingtalk", "session_expired"),
    ("taobao", "429"),
    ("taobao", "token_revoked"),
    ("taobao", "truncated"),
]
DETAILS = {"late": {"seconds": "1"}, "429": {"seconds": "1"}}


@pytest.mark.parametrize(("system", "kind"), FAULTS)
async def test_one_refund_through_a_fault(office: Office, system: str, kind: str) -> None:
    number = await office.order("129.00")
    # The platform that has no fault goes first, so that the fault strikes in the middle of the work.
    platform = "dingtalk" if system == "dingtalk" else "wecom"
    await office.post(
        "/faults",
        {
            "system": system,
            "kind": kind,
            "count": 1 if kind == "token_revoked" else 2,
            "args": DETAILS.get(kind, {}),
        },
    )
    await office.say(platform, LIN, f"退款 {number} 100 破损")
    card = await office.wait(platform, QIAN, lambda m: holds(m, "100.00", "同意"))
    rf = next(word for word in summary(card).replace("\n", " ").split() if word.startswith("RF"))
    if kind == "token_revoked" and system == "taobao":
        await office.say(platform, QIAN, f"同意 {rf}")
        await office.quiet()
        assert await office.refunds() == []  # the shop's authorisation is gone: nothing is paid, nothing lost
        return
    await office.say(platform, QIAN, f"同意 {rf}")
    await office.wait("wecom", LIN if platform == "wecom" else ZHOU, lambda m: holds(m, rf, "已退款"))
    await office.quiet()
    assert len(await office.refunds()) == 1
    for where in PLATFORMS:
        for person in (SUN, ZHOU):
            seen = Counter(holds(m, rf, "申请人") for m in await office.messages(where, person))
            assert seen[True] == 1, f"{person} saw the card {seen[True]} times on {where}"


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_repeated_callback_has_no_second_effect(office: Office, platform: str) -> None:
    await office.post("/faults", {"system": platform, "kind": "duplicate", "count": 3})
    for n in range(3):
        await office.say(platform, LIN, f"没有这回事{n}")
    await office.text(platform, LIN, "没有这回事2")
    await office.quiet()
    answers = [m for m in await office.messages(platform, LIN) if m["from"] == "bot"]
    assert len(answers) == 3
    stopped = office.desk.metrics.page().decode()
    assert "duplicate" in stopped


async def test_half_a_stream_dies_and_nothing_said_is_lost(office: Office) -> None:
    await office.post("/faults", {"system": "dingtalk", "kind": "half_dead", "count": 1})
    await asyncio.sleep(0.1)
    await office.post("/faults", {"system": "dingtalk", "kind": "disconnect", "count": 1})
    await office.say("dingtalk", LIN, "帮助")
    # The platform sends a frame again that nobody acknowledged; the clock brings that moment.
    for _ in range(6):
        await office.post("/clock", {"advance": 61})
        await asyncio.sleep(0.5)
        if any(m["from"] == "bot" for m in await office.messages("dingtalk", LIN)):
            break
    await office.text("dingtalk", LIN, "你可以这样用前哨")
