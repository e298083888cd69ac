"""缓存: the Redis that tokens, limits and rests are shared through; nothing to look at with memory://."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bot.data_key import KEY_BYTES, read_key
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from storage.commons import MEMORY, SharedCommons
from storage.commons_link import Away
from storage.secrets import DataKeys

GROUP = "缓存"
ORDER = 26
OLDEST = (6, 2)  # of Redis; Valkey says 7.2.4 for itself there
SLOW_SHARE = 0.5  # of the time limit


def subjects(exam: Exam) -> list[tuple[str, SharedCommons]]:
    """Without a data key the connection can be looked at all the same."""
    url = exam.settings.cache.url
    if url == MEMORY:
        return []
    keys = DataKeys(read_key(exam.settings.security.data_key) or bytes(KEY_BYTES))
    commons = SharedCommons(url, keys, exam.clock, untried=_unknown, seconds=exam.seconds / 2)
    exam.close_later(commons.close)
    return [(GROUP, commons)]


async def _unknown() -> bool:
    return False  # looking counts nothing, so it is never asked


@check("连接")
async def answers(exam: Exam, commons: SharedCommons) -> Verdicts:
    loop = asyncio.get_running_loop()
    try:
        facts = await exam.limited(commons.facts)
        began = loop.time()
        await exam.limited(commons.facts)
    except Away:
        return bad(
            "没有应答：检查 cache.url、密码和 Redis 服务。服务照常运行，但每个进程只按自己那份额度发送"
        )
    return judge(facts, loop.time() - began, exam.settings.cache.timeout_seconds)


def judge(facts: Mapping[str, Any], seconds: float, limit: float) -> list[Verdict]:
    """`facts` as INFO tells them; `limit` is how long the server waits for an answer."""
    version = str(facts.get("valkey_version") or facts.get("redis_version") or "?")
    found = [_speed(version, seconds, limit)]
    if _numbers(str(facts.get("redis_version", ""))) < OLDEST:
        found.append(bad(f"{version} 太旧：请换 Redis {OLDEST[0]}.{OLDEST[1]} 以上或 Valkey"))
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        found.append(
            note(
                f"内存满时会丢掉计数（maxmemory-policy {policy}），可能多发：请在 redis.conf 里设成 noeviction"
            )
        )
    return found


def _speed(version: str, seconds: float, limit: float) -> Verdict:
    text = f"{version}，应答 {seconds * 1000:.1f} 毫秒"
    if seconds > limit * SLOW_SHARE:
        return note(f"{text}，接近上限 {limit:g} 秒（cache.timeout_seconds）：让 Redis 和服务在同一网络里")
    return good(text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


@check("熔断")
async def rests(exam: Exam, commons: SharedCommons) -> Verdicts:
    """Which far systems the whole fleet leaves alone now."""
    resting = await exam.limited(commons.rests.resting)
    if not commons.reached:
        return None
    return [_resting(target, seconds) for target, seconds in sorted(resting.items())] or good("没有")


def _resting(target: str, seconds: float) -> Verdict:
    when = f"{seconds:.0f} 秒后再试" if seconds > 0 else "正在试一次"
    return note(f"{target} 连续失败或被限流，所有进程都暂停调用，{when}")
