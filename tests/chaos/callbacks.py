"""Signed WeCom callbacks, sent as a platform in a bad hour sends them: copied, late, out of order, over again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

import aiohttp

from bench.callbacks import App, sealed
from sandbox.wecom.inbound import Common

MOST_COPIES = 4
ANSWER_SECONDS = 5.0  # a platform waits no longer (wecom.md §2.5)


@dataclass
class Sent:
    """One text of one person: `copies` were sent, `answered` of them with 200."""

    key: str
    user: str
    text: str
    copies: int = 0
    answered: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def acknowledged(self) -> bool:
        return self.answered > 0


class Platform:
    """Sends texts to the bot. `app`: the credentials the sandbox gave out."""

    def __init__(self, session: aiohttp.ClientSession, app: App, port: int, rng: Random) -> None:
        self._session = session
        self._app = app
        self._url = f"http://127.0.0.1:{port}/callback/wecom/{app.name}"
        self._rng = rng
        self.sent: list[Sent] = []

    async def send(self, number: int, user: str, text: str) -> Sent:
        """One text, one to four times, until one of them was answered or all are used up."""
        key = str(7_000_000_000_000_000_000 + number)
        sent = Sent(key, user, text)
        self.sent.append(sent)
        copies = self._rng.choices((1, 2, 3, MOST_COPIES), (60, 20, 10, 10))[0]
        side_by_side = self._rng.random() < 0.5
        pauses = [self._rng.choice((0.0, 0.02, 0.3)) * self._rng.random() for _ in range(MOST_COPIES)]
        if side_by_side:
            await asyncio.gather(*(self._copy(sent, pauses[n]) for n in range(copies)))
        else:
            for n in range(copies):
                await self._copy(sent, pauses[n])
        for n in range(copies, MOST_COPIES):
            if sent.acknowledged:
                break
            await asyncio.sleep(0.5)
            await self._copy(sent, pauses[n])
        return sent

    async def _copy(self, sent: Sent, pause: float) -> None:
        """Encrypted and signed anew, as a repeat is."""
        await asyncio.sleep(pause)
        common = Common(self._app.corp_id, sent.user, self._app.agent_id, 1_795_000_000)
        plain = common.message("text", sent.key, [("Content", sent.text)])
        callback = sealed(self._app, plain, self._rng)
        sent.copies += 1
        try:
            async with self._session.post(
                f"{self._url}?{callback.query}",
                data=callback.body,
                headers={"Content-Type": "text/xml"},
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            ) as answer:
                status = answer.status
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        sent.statuses[status] = sent.statuses.get(status, 0) + 1
        sent.answered += status == 200
