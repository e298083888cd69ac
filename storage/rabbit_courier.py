"""Hints through RabbitMQ by taskiq and taskiq-aio-pika (libraries.md §2.3): each hint reaches one process.

taskiq's broker carries the messages; it is made anew after every loss, since its own way back waits five seconds
and says nothing about it. Imported only where `queue.url` names RabbitMQ.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aio_pika.robust_connection import RobustConnection
from taskiq import AckableMessage, BrokerMessage
from taskiq.utils import maybe_awaitable
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType

_ANSWER_SECONDS = 3.0
_CLOSE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 5  # a silent server counts as gone after about four of these
_LENGTH = 256  # hints kept: they are taken within milliseconds or not worth taking
_LIFE_MILLISECONDS = 60_000

# What the libraries would say about a lost connection at every try stands in our state, and once in our log.
for _library in ("aio_pika", "aiormq", "taskiq"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)


class RabbitLine:
    """`queue` is the name of its queue and its exchange; beside them stands the empty `<queue>.dropped`."""

    engine = "rabbitmq"

    def __init__(self, url: str, name: str) -> None:
        self.queue = f"qianshao.{name}.hints"
        self._url = url
        self._broker: AioPikaBroker | None = None
        self._heard: AsyncGenerator[AckableMessage, None] | None = None
        self._next: asyncio.Task[AckableMessage] | None = None
        self._connections: list[RobustConnection] = []
        self._gone = asyncio.Event()

    async def open(self, listen: bool) -> None:
        self._gone = asyncio.Event()
        self._broker = self._make_broker()
        self._broker.is_worker_process = listen
        async with asyncio.timeout(_ANSWER_SECONDS * 3):
            await self._broker.startup()

    async def send(self, hints: Sequence[str]) -> None:
        broker = self._open_broker()
        async with asyncio.timeout(_ANSWER_SECONDS), asyncio.TaskGroup() as group:
            for hint in hints:
                message = BrokerMessage(task_id="", task_name="hint", message=hint.encode(), labels={})
                group.create_task(broker.kick(message))

    async def hear(self) -> str | None:
        if self._heard is None:
            broker = self._open_broker()
            if broker.read_channel is None and broker.read_conn is not None:
                broker.read_channel = await broker.read_conn.channel()
            self._heard = broker.listen()
        # A task of its own: cancelled, the library asks the server to end the reading, and a server that hangs
        # would hold us up. `close` closes the connection first.
        self._next = asyncio.create_task(_next_of(self._heard))
        await asyncio.wait({self._next})
        message, self._next = self._next.result(), None
        # A hint that is lost with this process is no loss, one that comes twice is a waste.
        await maybe_awaitable(message.ack())
        return message.data.decode()

    async def rest(self) -> None:
        broker = self._open_broker()
        if self._heard is None or broker.read_channel is None:
            return
        heard, self._heard = self._heard, None
        channel, broker.read_channel = broker.read_channel, None
        async with asyncio.timeout(_ANSWER_SECONDS):
            await channel.close()  # RabbitMQ takes back what it had handed to this process already
            await heard.aclose()

    async def watch(self) -> NoReturn:
        await self._gone.wait()
        # Now: whoever waits for an answer on one of them need not wait for its time-out.
        await self._close_connections()
        raise ConnectionError("RabbitMQ closed the connection")

    async def close(self) -> None:
        await self._close_connections()
        waiting, self._next = self._next, None
        heard, self._heard, self._broker = self._heard, None, None
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=_CLOSE_SECONDS)
            if waiting.done() and not waiting.cancelled():
                waiting.exception()  # seen: the connection is closed, that is why we are here
        if heard is not None:
            await _close(heard.aclose())

    async def _close_connections(self) -> None:
        """All that were made, also those of an `open` that did not come to its end."""
        connections, self._connections = self._connections, []
        await asyncio.gather(*(_close(connection.close()) for connection in connections))

    def _open_broker(self) -> AioPikaBroker:
        if self._broker is None:
            raise ConnectionError("the line to RabbitMQ is closed")
        return self._broker

    def _make_broker(self) -> AioPikaBroker:
        # Changing any of these needs another queue name: RabbitMQ refuses to declare a queue differently, and the
        # processes of two versions run side by side during a release.
        queue = Queue(
            name=self.queue,
            type=QueueType.CLASSIC,
            arguments={"x-max-length": _LENGTH, "x-message-ttl": _LIFE_MILLISECONDS},
        )
        dropped = Queue(name=f"{self.queue}.dropped", type=QueueType.CLASSIC, arguments={"x-max-length": 0})
        options: dict[str, Any] = {"timeout": _ANSWER_SECONDS, "connection_class": self._make_connection}
        if "heartbeat=" not in urlsplit(self._url).query:
            options["heartbeat"] = _HEARTBEAT_SECONDS
        return AioPikaBroker(
            self._url,
            qos=1,  # what a process has been given, another one cannot take
            exchange=Exchange(name=self.queue, type=ExchangeType.DIRECT),
            task_queues=[queue],
            dead_letter_queue=dropped,
            **options,
        )

    def _make_connection(self, *arguments: Any, **options: Any) -> RobustConnection:
        gone = self._gone

        def note(connection: AbstractConnection | None, error: BaseException | None) -> None:
            del connection, error
            gone.set()

        made = RobustConnection(*arguments, **options)
        made.close_callbacks.add(note)
        self._connections.append(made)
        return made


async def _close(closing: Awaitable[None]) -> None:
    with suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await closing


async def _next_of(heard: AsyncGenerator[AckableMessage, None]) -> AckableMessage:
    try:
        return await anext(heard)
    except StopAsyncIteration:
        raise ConnectionError("RabbitMQ ended the reading") from None
