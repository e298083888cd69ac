"""`db upgrade`: bring the database to the form this version works with."""

from __future__ import annotations

import argparse
import asyncio

from bot.database import open_settings
from bot.settings import Settings, load
from storage.schema import Form

NAME = "db"
HELP = "bring the database up to date"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["upgrade"], help="upgrade: apply every migration")


def run(args: argparse.Namespace) -> int:
    print(asyncio.run(_upgrade(load(args.config))))
    return 0


async def _upgrade(settings: Settings) -> str:
    """What to say afterwards."""
    db = open_settings(settings)
    try:
        await db.upgrade()
        newer = await db.form() is Form.NEWER
    finally:
        await db.close()
    return "数据库已是更新版本的表，这个版本可以继续用" if newer else "数据库已是最新"
