"""The private servers other tests stand on."""

from __future__ import annotations

import asyncio
import socket

import aio_pika
import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.far_servers import FarServer, private_redis, steady_port


async def test_postgres_is_private_and_empty(postgres_database: str) -> None:
    connection = await asyncpg.connect(postgres_database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await connection.close()


async def test_redis_answers(redis_url: str) -> None:
    client = Redis.from_url(redis_url)
    try:
        assert await client.set("qianshao-test", "1", ex=5)
        assert await client.get("qianshao-test") == b"1"
    finally:
        await client.aclose()


async def test_rabbit_answers(rabbit_url: str) -> None:
    async with await aio_pika.connect(rabbit_url) as connection, connection.channel() as channel:
        queue = await channel.declare_queue("qianshao-test", auto_delete=True)
        await channel.default_exchange.publish(aio_pika.Message(b"1"), queue.name)
        message = await queue.get(timeout=30)
        assert message is not None
        assert message.body == b"1"
        await message.ack()


async def test_a_killed_postgres_comes_back_with_what_was_committed(postgres_own: FarServer) -> None:
    connection = await asyncpg.connect(postgres_own.url)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    postgres_own.kill()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.execute("SELECT 1")
    await asyncio.to_thread(postgres_own.start)
    again = await asyncpg.connect(postgres_own.url)
    assert await again.fetchval("SELECT n FROM kept") == 7
    postgres_own.pause()  # the server behind a connection too, not only the one that takes new ones
    asking = asyncio.create_task(again.fetchval("SELECT 1"))
    done, _ = await asyncio.wait({asking}, timeout=0.3)
    assert not done
    postgres_own.resume()
    assert await asking == 1
    await again.close()


async def test_a_killed_redis_comes_back_empty_or_with_its_file() -> None:
    for durable in (False, True):
        with private_redis(durable=durable) as server:
            async with Redis.from_url(server.url) as client:
                await client.set("kept", "1")
                if durable:
                    await client.waitaof(1, 0, 30_000)
                server.kill()
                with pytest.raises(RedisError):
                    await Redis.from_url(server.url).ping()
                server.start()
            async with Redis.from_url(server.url) as client:
                assert await client.get("kept") == (b"1" if durable else None)
        assert not server.alive


async def test_a_killed_rabbit_comes_back_with_its_durable_queues(rabbit_server: FarServer) -> None:
    async with await aio_pika.connect(rabbit_server.url) as connection, connection.channel() as channel:
        await channel.declare_queue("kept", durable=True)
    rabbit_server.kill()
    await asyncio.to_thread(rabbit_server.start)
    async with await aio_pika.connect(rabbit_server.url) as connection, connection.channel() as channel:
        assert (await channel.get_queue("kept")).name == "kept"


def test_a_steady_port_is_free_and_not_one_of_outgoing_connections() -> None:
    port = steady_port()
    assert port < 32_768  # where Linux begins to take ports for outgoing connections
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
