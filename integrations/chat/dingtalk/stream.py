"""The Stream client: keeps one good connection, and opens its successor before it goes (dingtalk.md §4)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine

import aiohttp
import structlog
from yarl import URL

from domain.clock import Clock
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.stream_link import Link, Receive
from integrations.chat.dingtalk.stream_stats import StreamStats, StreamTiming

log = structlog.get_logger(__name__)

CLOSE_SECONDS = 2.0  # a dead peer does not answer a close


class StreamClient:
    """The one owner of the connections. `run` until `stop`; every connection is closed when it returns."""

    def __init__(
        self,
        client: Client,
        session: aiohttp.ClientSession,
        clock: Clock,
        timing: StreamTiming | None = None,
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._timing = timing or StreamTiming()
        self._stopping = asyncio.Event()
        self._done = asyncio.Event()
        self._running = False
        self._current: Link | None = None
        self._retiring: dict[Link, asyncio.Task[None]] = {}
        self._failures = 0  # connections in a row that did not last
        self._unreachable = False  # the last try did not even get there
        self._hurry = True  # the first connection, and the first after a planned change, wait for nothing
        self.stats = StreamStats()

    async def run(self, receive: Receive) -> None:
        """Hand every frame to `receive`, which returns once it is safely kept."""
        self._running = True
        self._done.clear()
        try:
            while not self._stopping.is_set():
                link = await self._connect(receive)
                if link is None:
                    continue
                self._retire_current()
                self._current = link
                if self._stopping.is_set():  # it came while the connection was being opened
                    break
                await link.over.wait()
                self._learn(link)  # next comes the successor; this link drains only once that one stands
        finally:
            await self._close_all()
            self._done.set()

    async def stop(self) -> None:
        """Take no more frames, finish those in hand, close."""
        self._stopping.set()
        if self._current is not None:
            self._current.over.set()
        if self._running:
            await self._done.wait()

    def _learn(self, link: Link) -> None:
        """A short life lengthens the next wait; a planned change after a long one costs none."""
        if self._stopping.is_set():
            return
        self.stats.reconnects[link.reason] += 1
        lasted = link.age >= self._timing.stable
        planned = link.reason in {"disconnect", "silence"} and (lasted or self._failures == 0)
        self._failures = (0 if planned else 1) if lasted else self._failures + 1
        self._hurry = planned
        log.info("dingtalk.stream_replaced", reason=link.reason, age_seconds=round(link.age, 1))

    async def _connect(self, receive: Receive) -> Link | None:
        """A new link, or None when the try failed (the wait is then already longer) or a stop came."""
        if not self._hurry and await self._pause(self._wait()):
            return None
        self._hurry = False
        try:
            socket = await self._unless_stopped(self._open())
        except ApiError as error:
            await self._failed(error)
            return None
        if socket is None:
            return None
        self.stats.trouble = ""
        self._unreachable = False
        return Link(socket, receive, self.stats, self._clock, self._timing)

    async def _unless_stopped(
        self, opening: Coroutine[None, None, aiohttp.ClientWebSocketResponse]
    ) -> aiohttp.ClientWebSocketResponse | None:
        """A stop does not wait for a platform that does not answer."""
        loop = asyncio.get_running_loop()
        opened, stop = loop.create_task(opening), loop.create_task(self._stopping.wait())
        try:
            await asyncio.wait((opened, stop), return_when=asyncio.FIRST_COMPLETED)
            return await opened if opened.done() else None
        finally:
            opened.cancel()
            stop.cancel()
            await asyncio.gather(opened, stop, return_exceptions=True)

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        """The ticket is in the address, so the address stays out of every error text."""
        found = await self._client.open_stream()
        url = URL(found.endpoint).update_query(ticket=found.ticket)
        try:
            async with asyncio.timeout(self._timing.connect):
                return await self._session.ws_connect(
                    url, autoping=False, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)
                )
        except aiohttp.WSServerHandshakeError as error:
            raise ApiError(
                Kind.REFUSED, f"HTTP {error.status}", "the Stream endpoint refused the ticket"
            ) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiError(
                Kind.UNREACHABLE, type(error).__name__, "cannot reach the Stream endpoint"
            ) from None

    async def _failed(self, error: ApiError) -> None:
        """Wrong credentials are a setting to correct, not a fault to hurry past."""
        self.stats.open_failures[error.kind] += 1
        self.stats.trouble = str(error)
        self._failures += 1
        self._unreachable = error.kind is Kind.UNREACHABLE
        log.warning("dingtalk.stream_open_failed", kind=error.kind, error=str(error))
        if error.kind is Kind.CREDENTIALS:
            self._hurry = not await self._pause(self._timing.bad_credentials)

    def _wait(self) -> float:
        """1, 2, 4 … 60 s, each shortened by chance so that many clients do not come together."""
        longest = self._timing.unreachable_wait if self._unreachable else self._timing.longest_wait
        doubled = self._timing.first_wait * 2.0 ** min(self._failures - 1, 16)
        return min(doubled, longest) * random.uniform(0.5, 1.0)

    async def _pause(self, seconds: float) -> bool:
        """Wait; True when a stop came meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    def _retire_current(self) -> None:
        """The successor stands: the old connection may drain, a dead one is closed."""
        old, self._current = self._current, None
        if old is None:
            return
        seconds = self._timing.drain if old.reason == "disconnect" else 0.0
        task = asyncio.get_running_loop().create_task(old.drain(seconds))
        self._retiring[old] = task
        task.add_done_callback(lambda _task: self._retiring.pop(old, None))

    async def _close_all(self) -> None:
        """Drains are cut short: each link finishes what it has in hand and closes."""
        links = [link for link in (self._current, *self._retiring) if link is not None]
        for task in list(self._retiring.values()):
            task.cancel()
        self._current = None
        await asyncio.gather(*(link.close() for link in links))
