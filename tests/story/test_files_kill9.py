"""Killed again and again while it reads a folder: every order is there once, every file is put away."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import sqlalchemy as sa

from bot.database import open_from
from bot.settings import load
from storage.tables import orders

FILES, EACH, KILLS = 24, 60, 6
HEAD = "platform_order_id,state,created_at,paid_at,receiver_name,receiver_phone,total,paid,items"
ROW = "SO{n:06d},已付款,2026-01-05 10:12:31,2026-01-05 10:12:45,李样例,1380013{tail:04d},159.00,129.00,SOFA:1:159.00"


def drop(inbox: Path, number: int) -> None:
    """As a till does: the file, then its marker."""
    first = number * EACH
    rows = (ROW.format(n=n, tail=n % 10_000) for n in range(first, first + EACH))
    (inbox / f"pos-01_{number}.csv").write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    (inbox / f"pos-01_{number}.csv.ok").touch()


def put_away(inbox: Path) -> int:
    return len(list((inbox / "done").glob("*.csv")))


async def worker(config: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.story.folder_worker", str(config), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    while await process.stdout.readline() != b"up\n":
        assert process.returncode is None
    return process


async def test_killed_at_any_moment_no_file_is_lost_and_no_order_doubled(tmp_path: Path) -> None:
    inbox, config, dice = tmp_path / "inbox", tmp_path / "config.yaml", random.Random(9)
    inbox.mkdir()
    config.write_text(
        f"database: {{url: 'sqlite+aiosqlite:///{tmp_path}/q.db'}}\n"
        f"files: {{folder: '{inbox}'}}\nshops:\n  pos-01: {{platform: custom}}\n",
        encoding="utf-8",
    )
    for number in range(FILES):
        drop(inbox, number)
    killed = 0
    while killed < KILLS and len(list(inbox.glob("*.csv"))) > 1:
        process, before = await worker(config), put_away(inbox)
        async with asyncio.timeout(60):
            while put_away(inbox) == before:
                await asyncio.sleep(0.001)
        await asyncio.sleep(dice.uniform(0.0, 0.03))
        process.kill()
        await process.wait()
        killed += 1
    assert killed > 1, "it was done before it could be killed: nothing is proven"
    process = await worker(config)
    async with asyncio.timeout(60):
        while list(inbox.glob("*.csv")):
            await asyncio.sleep(0.05)
    process.terminate()
    await process.wait()
    done = sorted(path.name for path in (inbox / "done").glob("*.csv"))
    assert done == sorted(f"pos-01_{number}.csv" for number in range(FILES))
    assert not (inbox / "failed").exists()
    db = await open_from(load(config, {}))
    try:
        count = sa.select(sa.func.count(), sa.func.count(orders.c.platform_order_id.distinct()))
        assert tuple(await db.read(lambda c: c.execute(count).one())) == (FILES * EACH, FILES * EACH)
    finally:
        await db.close()
