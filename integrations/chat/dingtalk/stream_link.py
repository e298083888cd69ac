"""One Stream connection: reads frames, answers them, feels its own pulse (dingtalk.md §4.2, §4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

from cards.door import Verified
from domain.clock import Clock
from integrations.chat.dingtalk import frames
from integrations.chat.dingtalk.frames import BadFrame, Frame
from integrations.chat.dingtalk.stream_stats import StreamStats, StreamTiming

log = structlog.get_logger(__name__)

Receive = Callable[[Verified], Awaitable[None]]


class Link:
    """`over` is set when a replacement is needed; `reason` tells why: disconnect | silence | closed."""

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        receive: Receive,
        stats: StreamStats,
        clock: Clock,
        timing: StreamTiming,
    ) -> None:
        self._socket = socket
        self._receive = receive
        self._stats = stats
        self._clock = clock
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._heard = self.opened = self._loop.time()
        self._room = asyncio.Semaphore(timing.in_hand)
        self._hands: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self.over = asyncio.Event()
        self.ended = asyncio.Event()
        self.reason = ""
        stats.connections += 1
        stats.opened += 1
        self._life = self._loop.create_task(self._live())

    @property
    def age(self) -> float:
        return self._loop.time() - self.opened

    def give_up(self, reason: str) -> None:
        """The first reason counts."""
        self.reason = self.reason or reason
        self.over.set()

    async def drain(self, seconds: float) -> None:
        """Let a connection that is being replaced finish by itself, but not for ever; then close it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), seconds)
        await self.close()

    async def close(self) -> None:
        """Take no more frames, finish the ones in hand, close. All who call wait for the same end."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._life.cancel()
        await asyncio.wait([self._life])
        if self._hands:
            await asyncio.wait(set(self._hands), timeout=self._timing.finish)
        for task in self._hands:
            task.cancel()
        self._stats.connections -= 1
        await self._socket.close()

    async def _live(self) -> None:
        pulse = self._loop.create_task(self._feel_pulse())
        try:
            await self._read()
        finally:
            pulse.cancel()
            self.give_up("closed")
            self.ended.set()

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                return
            self._heard = self._loop.time()
            await self._hear(message)

    async def _hear(self, message: WSMessage) -> None:
        if message.type is WSMsgType.PING:
            await self._write(lambda: self._socket.pong(message.data))
        elif message.type is WSMsgType.TEXT:
            await self._take(str(message.data))

    async def _take(self, text: str) -> None:
        self._stats.last_frame_at = self._clock.now()
        try:
            frame = frames.read(text)
        except BadFrame:
            self._stats.frames["bad"] += 1
            return
        self._stats.frames[frame.kind] += 1
        if frame.kind == "ping":
            await self._answer(frames.acknowledgement(frame))
        elif frame.kind == "disconnect":
            self.give_up("disconnect")
        elif frame.kind != "other":
            await self._hand_over(frame)
        elif str(frame.headers.get("topic", "")).startswith("/"):
            await self._answer(frames.refusal(frame, frames.UNKNOWN))

    async def _hand_over(self, frame: Frame) -> None:
        """Each frame goes its own way, so that the inbox can commit many at once."""
        await self._room.acquire()
        self._stats.in_hand += 1
        task = self._loop.create_task(self._keep(frame))
        self._hands.add(task)
        task.add_done_callback(self._let_go)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._hands.discard(task)
        self._stats.in_hand -= 1
        self._room.release()

    async def _keep(self, frame: Frame) -> None:
        """Acknowledge after the inbox has it, never before."""
        try:
            verified = frames.verified(frame)
        except BadFrame as error:
            log.warning("dingtalk.frame_unreadable", kind=frame.kind, error=str(error))
            self._stats.frames["bad"] += 1
            await self._answer(frames.refusal(frame, frames.BAD))
            return
        try:
            await self._receive(verified)
        except Exception as error:  # noqa: BLE001 - whatever keeps a frame out of the inbox: no success is told
            self._stats.not_kept += 1
            log.error("dingtalk.frame_not_kept", kind=frame.kind, key=verified.key, error=repr(error))
            # A robot or card frame comes again only when nothing answers it; an event also after a 500.
            if frame.kind == "event":
                await self._answer(frames.refusal(frame, frames.FAILED))
            return
        await self._answer(frames.acknowledgement(frame))

    async def _answer(self, text: str) -> None:
        await self._write(lambda: self._socket.send_str(text))

    async def _write(self, send: Callable[[], Awaitable[None]]) -> None:
        """A socket that takes nothing any more is not waited for; its frames come again elsewhere."""
        try:
            async with asyncio.timeout(self._timing.ping_limit):
                await send()
        except (ConnectionError, TimeoutError) as error:
            self._stats.acks_lost += 1
            log.info("dingtalk.answer_lost", error=type(error).__name__)

    async def _feel_pulse(self) -> None:
        """Ping; with neither a frame nor a pong for too long the connection is dead, whatever TCP says."""
        while True:
            await asyncio.sleep(self._timing.ping_every)
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(self._timing.ping_limit):
                    await self._socket.ping()
            if self._loop.time() - self._heard >= self._timing.silence:
                self._stats.watchdog_fired += 1
                self.give_up("silence")
                return
