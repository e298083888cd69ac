"""Slack Bolt's async app behind its own aiohttp server: 20 actions, 20 commands, signature verified, nothing
stored. Authorisation is given by hand, so that nothing goes out to Slack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bench.standing import stand_until_stopped

COMMANDS = 20


async def _authorize(**_request: Any) -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="bench", bot_user_id="B1", bot_id="B1")


async def _acknowledge(ack: Any) -> None:
    await ack()


def main() -> None:
    app = AsyncApp(signing_secret=os.environ["BENCH_SIGNING_SECRET"], authorize=_authorize)
    for n in range(COMMANDS):
        app.action(f"action-{n}")(_acknowledge)
        app.command(f"/command-{n}")(_acknowledge)
    stand_until_stopped(app.server(port=0, path="/slack/events").web_app)


if __name__ == "__main__":
    main()
