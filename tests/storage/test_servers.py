"""The private servers other tests stand on."""

from __future__ import annotations

import asyncpg
from redis.asyncio import Redis


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
