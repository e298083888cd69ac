"""`db upgrade`: bring the database to the form this version works with."""

from __future__ import annotations

import argparse
import asyncio

from bot.database import open_settings
from bot.settings import Settings, load

NAME = "db"
HELP = "bring the database up to date"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["upgrade"], help="upgrade: apply every migration")


def run(args: argparse.Namespace) -> int:
    asyncio.run(_upgrade(load(args.config)))
    print("数据库已是最新")
    return 0


async def _upgrade(settings: Settings) -> None:
    db = open_settings(settings)
    try:
        await db.upgrade()
    finally:
        await db.close()
