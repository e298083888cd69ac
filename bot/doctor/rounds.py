"""Every check of `checks/`, all at the same time, told in a fixed order as the answers come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from types import ModuleType
from typing import Any

import aiohttp

from bot import places
from bot.doctor.exam import Exam
from bot.doctor.verdict import Check, Finding, Verdict, Verdicts, bad

CHECKS = "bot.doctor.checks"


async def examine(exam: Exam) -> AsyncGenerator[Finding]:
    """Groups by their module's ORDER, subjects and checks as they are written."""
    running = [
        (group, check.name, asyncio.create_task(_look(check, exam, subject)))
        for module in sorted(places.modules(CHECKS).values(), key=_order)
        for group, subject in module.subjects(exam)
        for check in _checks(module)
    ]
    try:
        for group, name, task in running:
            for verdict in await task:
                text = exam.without_secrets(verdict.text)
                yield Finding(group, name, Verdict(verdict.mark, text))
    finally:
        for _, _, task in running:
            task.cancel()


def _order(module: ModuleType) -> int:
    return int(module.ORDER)


def _checks(module: ModuleType) -> Iterator[Check]:
    """In the order of the file."""
    return (value for value in vars(module).values() if isinstance(value, Check))


async def _look(check: Check, exam: Exam, subject: Any) -> list[Verdict]:
    """One failing check hides no other."""
    try:
        return _listed(await check.look(exam, subject))
    except TimeoutError:
        return [bad(f"{exam.seconds:g} 秒没有应答：检查网络、防火墙和代理，再试一次")]
    except (aiohttp.ClientError, OSError) as error:
        return [bad(f"连接失败（{type(error).__name__}）：检查网络、防火墙和地址")]
    except Exception as error:  # noqa: BLE001 - the report must go on; the name is enough to look further
        return [bad(f"检查本身出错（{type(error).__name__}）：请把这一行报告给维护者")]


def _listed(found: Verdicts) -> list[Verdict]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
