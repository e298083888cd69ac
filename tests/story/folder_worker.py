"""A process that does nothing but read its watched folders: `python -m tests.story.folder_worker CONFIG`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.compose import build_desk
from bot.settings import load
from jobs import watch_folder


async def work(config: Path) -> None:
    desk = build_desk(load(config, {}), roles=frozenset({"web"}))
    await desk.start()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    for n in range(100_000):
        counts = await watch_folder.run(desk.job_context(f"worker-{n}"))
        if counts[watch_folder.READ]:
            sys.stdout.write(f"{counts[watch_folder.READ]}\n")
            sys.stdout.flush()
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
