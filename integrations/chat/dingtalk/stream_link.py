"""One Stream connection: reads frames, answers them, feels its own pulse (dingtalk.md §4.2, §4.3)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMessage, WSMsgType

from cards.door import Verified
from domain.clock import Clock
from integrations.chat.dingtalk import frames
from integrations.chat.dingtalk.frames import BadFrame, Frame
from integrations.chat.dingtalk.stream_pulse import Pulse
from integrations.chat.dingtalk.stream_stats import StreamStats, StreamTiming

log = structlog.get_logger(__name__)

# Returns once the frame is safely kept; False when it was kept before.
Receive = Callable[[Verified], Awaitable[bool | None]]
_OVER = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}
_GOODBYE = struct.pack("!H", WSCloseCode.OK)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between two tries to keep a frame


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
        self.opened = self._loop.time()
        self._pulse = Pulse(socket.ping, timing, self._loop.time)
        self._room = asyncio.Semaphore(timing.in_hand)
        self._hands: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._said_goodbye = False
        self._counted = True
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
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        await self.close()

    async def close(self) -> None:
        """Finish what is in hand, hear out what is on its way, close. All who call wait for the same end."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        end = self._loop.time() + self._timing.finish
        if not self.ended.is_set():
            await self._hands_free(end)  # reading goes on meanwhile
            await self._say_goodbye()
        self._life.cancel()
        await asyncio.wait([self._life])
        await self._hands_free(end)
        for task in self._hands:
            task.cancel()
        self._count_out()
        await self._socket.close()

    async def _hands_free(self, end: float) -> None:
        """Wait for the frames that are in hand now, until `end` at the latest."""
        if self._hands:
            await asyncio.wait(set(self._hands), timeout=max(0.0, end - self._loop.time()))

    async def _say_goodbye(self) -> None:
        """Send our close and read on until the other side's: a frame that was on its way is kept and not
        dropped. Nothing may be sent after a close, so it is not acknowledged; if it comes again, it is known."""
        self._said_goodbye = True
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._timing.goodbye):
                await self._socket.send_frame(_GOODBYE, WSMsgType.CLOSE)
                await self.ended.wait()

    async def _live(self) -> None:
        pulse = self._loop.create_task(self._watch())
        try:
            await self._read()
        finally:
            pulse.cancel()
            self._count_out()
            self.give_up("closed")
            self.ended.set()

    async def _watch(self) -> None:
        await self._pulse.stops()
        self._stats.watchdog_fired += 1
        self.give_up("silence")

    def _count_out(self) -> None:
        self._stats.connections -= self._counted
        self._counted = False

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in _OVER:
                return
            self._pulse.touch()
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
        if self._room.locked():
            with self._pulse.deaf():
                await self._room.acquire()
        else:
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
        if await self._kept(verified):
            await self._answer(frames.acknowledgement(frame))
        elif frame.kind == "event":
            # A robot or card frame comes again only when nothing answers it; an event also after a 500.
            await self._answer(frames.refusal(frame, frames.FAILED))

    async def _kept(self, verified: Verified) -> bool:
        """Whether the inbox has it. Somebody's words are offered again for some seconds, since the platform may
        never send them again (performance.md §1). Not so a tap: after two seconds its tapper was told that it
        failed. Not so an event: it comes again for certain."""
        began = self._loop.time()
        patience = self._timing.patience if verified.kind == "robot" else 0.0
        pause = _FIRST_PAUSE
        while True:
            try:
                fresh = await self._receive(verified)
            except Exception as error:  # noqa: BLE001 - whatever keeps a frame out of the inbox: no success is told
                if self._closing is not None or self._loop.time() + pause - began > patience:
                    self._stats.not_kept += 1
                    log.error("dingtalk.frame_not_kept", key=verified.key, error=repr(error))
                    return False
            else:
                self._stats.duplicates += fresh is False
                self._stats.kept_late += pause > _FIRST_PAUSE
                return True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _answer(self, text: str) -> None:
        if self._said_goodbye:
            self._stats.acks_lost += 1
            return
        await self._write(lambda: self._socket.send_str(text))

    async def _write(self, send: Callable[[], Awaitable[None]]) -> None:
        """A socket that takes nothing any more is not waited for; its frames come again elsewhere."""
        try:
            async with asyncio.timeout(self._timing.ping_limit):
                await send()
        except (ConnectionError, TimeoutError) as error:
            self._stats.acks_lost += 1
            log.info("dingtalk.answer_lost", error=type(error).__name__)
