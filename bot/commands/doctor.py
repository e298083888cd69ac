"""`doctor`: is everything set up, and what to do where it is not."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from contextlib import aclosing

import aiohttp

from bot import logs
from bot.doctor.exam import Exam
from bot.doctor.rounds import examine
from bot.doctor.verdict import Mark
from bot.settings import Settings, load
from bot.system_clock import SystemClock
from domain.clock import Clock

NAME = "doctor"
HELP = "check settings, database, chat apps, shops, network and clock, and say what to do"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --config."""


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    logs.configure("critical", "console")  # the report says it in plain words
    return asyncio.run(report(settings))


async def report(settings: Settings, clock: Clock | None = None) -> int:
    """Print each finding as it comes; 1 when something is to be put right."""
    marks: Counter[Mark] = Counter()
    heading = ""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        exam = Exam(settings, clock or SystemClock(), session)
        try:
            async with aclosing(examine(exam)) as findings:
                async for finding in findings:
                    if finding.group != heading:
                        heading = finding.group
                        print(heading)
                    print(f"  {finding}", flush=True)
                    marks[finding.verdict.mark] += 1
        finally:
            await exam.close()
    print(_summary(marks))
    return 1 if marks[Mark.BAD] else 0


def _summary(marks: Counter[Mark]) -> str:
    noted = f"，{marks[Mark.NOTE]} 处请留意（!）" if marks[Mark.NOTE] else ""
    if marks[Mark.BAD]:
        return f"有 {marks[Mark.BAD]} 处要改（✘）{noted}"
    return f"可以用了{noted}"
