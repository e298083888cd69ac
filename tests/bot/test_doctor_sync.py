"""What `doctor` says of the pull."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import pytest

from bot.doctor.checks.sync import judge
from bot.doctor.exam import Exam
from bot.doctor.verdict import Mark
from bot.settings import settings_from_text
from domain.clock import ManualClock
from domain.sync import ShopSync
from tests.samples import NOW

FINE = ShopSync("s", cursor=NOW - timedelta(minutes=3), succeeded_at=NOW)


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        (FINE, Mark.GOOD, "数据到 09:57"),
        (ShopSync("s"), Mark.GOOD, "还没拉取过"),
        (ShopSync("s", cursor=NOW - timedelta(hours=3)), Mark.NOTE, "serve"),
        (ShopSync("s", cursor=NOW, unsettled=True, ours=3, theirs=4), Mark.NOTE, "我们 3，平台 4"),
        (ShopSync("s", cursor=NOW, failures=2, last_error="504"), Mark.BAD, "连续失败 2 次"),
        (ShopSync("s", paused="m", last_error="27"), Mark.BAD, "shops.s"),
    ],
)
async def test_each_state_of_a_shop(state: ShopSync, level: Mark, words: str) -> None:
    settings = settings_from_text("{}", environ={})
    async with aiohttp.ClientSession() as session:
        verdict = judge(Exam(settings, ManualClock(NOW), session), "天猫旗舰店", state)
    assert (verdict.mark, words in verdict.text) == (level, True)
