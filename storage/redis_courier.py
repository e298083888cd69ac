"""Hints through a Redis (or Valkey) stream that a consumer group reads: each hint reaches one process.

Redis 7 commands only (libraries.md §3.21). The client's own retries are off: a command whose reply was lost would
be written again (§3.4); here the whole line is made anew instead.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from storage.heeding import heeding

_GROUP = "workers"
_TOPIC = "topic"
_LENGTH = 256  # hints kept, about: they are taken within milliseconds or not worth taking
_ANSWER_SECONDS = 3.0
_QUIET_MILLISECONDS = 1000  # a read waits so long; shorter than the answer may take
_PING_SECONDS = 2.0
_FORGOTTEN_MILLISECONDS = 3_600_000  # a reader that died so long ago is taken off the group's list


class RedisLine:
    """`stream` is the only key it uses. Reading blocks a connection, so it has one of its own."""

    engine = "redis"

    def __init__(self, url: str, name: str) -> None:
        self.stream = f"qianshao:{name}:hints"
        self._url = url
        self._me = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._writing = self._client()
        self._reading = self._client()

    async def open(self, listen: bool) -> None:
        self._writing, self._reading = self._client(), self._client()
        await _answer(self._writing)
        if listen:
            await self._make_group()
            await self._forget_the_dead()

    async def send(self, hints: Sequence[str]) -> None:
        pipe: Any
        async with self._writing.pipeline(transaction=False) as pipe:
            for hint in hints:
                pipe.xadd(self.stream, {_TOPIC: hint}, maxlen=_LENGTH, approximate=True)
            await pipe.execute()

    async def hear(self) -> str | None:
        try:
            found: Any = await self._reading.xreadgroup(
                _GROUP, self._me, {self.stream: ">"}, count=1, block=_QUIET_MILLISECONDS, noack=True
            )
        except ResponseError as error:
            # Emptied (FLUSHALL), evicted, or another server took over: begin again with what is there.
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self._make_group()
            return None
        if not found:
            return None
        [[_, [[_, fields]]]] = found
        return str(fields[_TOPIC])

    async def rest(self) -> None:
        return None  # who does not read is given nothing

    async def watch(self) -> NoReturn:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            await _answer(self._writing)

    async def close(self) -> None:
        for client in (self._writing, self._reading):
            with suppress(RedisError, OSError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await client.aclose()

    async def _make_group(self) -> None:
        try:
            # From the first entry: what was told while nobody listened wakes us now.
            await self._writing.xgroup_create(self.stream, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _forget_the_dead(self) -> None:
        consumers: Any = await self._writing.xinfo_consumers(self.stream, _GROUP)
        for consumer in consumers:
            if int(consumer["idle"]) > _FORGOTTEN_MILLISECONDS:
                await self._writing.xgroup_delconsumer(self.stream, _GROUP, consumer["name"])

    def _client(self) -> Redis:
        return Redis.from_url(
            self._url,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
        )


async def _answer(client: Redis) -> None:
    reply: Any = client.ping()  # typed for both kinds of client
    await heeding(reply)
