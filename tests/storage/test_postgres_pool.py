"""The pool of PostgreSQL connections: what died is replaced unseen, what was opened is kept."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, make_url

import storage.postgres_engines
from storage.postgres_engines import PostgresEngines
from tests.far_servers import FarServer

_ONE = sa.select(sa.literal(1))
_PID = sa.text("SELECT pg_backend_pid(), pg_sleep(0.02)")
_LIVING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")


def _engines(url: str) -> PostgresEngines:
    return PostgresEngines(make_url(url))


def _one(connection: Connection) -> int:
    return int(connection.execute(_ONE).scalar_one())


@pytest.mark.parametrize("rest", [0.0, 3600.0])
async def test_nobody_notices_that_the_server_was_killed_and_is_back(
    postgres_own: FarServer, monkeypatch: pytest.MonkeyPatch, rest: float
) -> None:
    """Whether the connections were in use a moment ago (asked nothing) or had a rest (asked)."""
    monkeypatch.setattr(storage.postgres_engines, "_REST_SECONDS", rest)
    engines = _engines(postgres_own.url)
    try:
        assert await asyncio.gather(*(engines.read(_one) for _ in range(8))) == [1] * 8
        await asyncio.to_thread(postgres_own.kill)
        await asyncio.to_thread(postgres_own.start)
        assert await asyncio.gather(*(engines.read(_one) for _ in range(8))) == [1] * 8
        assert await engines.write(_one) == 1
    finally:
        await engines.close()


async def test_connections_of_a_crowd_are_kept_for_the_next(postgres_database: str) -> None:
    engines = _engines(postgres_database)
    try:
        seen: list[set[int]] = []
        for _ in range(3):
            crowd = (engines.read(lambda c: int(c.execute(_PID).one()[0])) for _ in range(60))
            seen.append(set(await asyncio.gather(*crowd)))
        assert len(set.union(*seen)) <= 16
        living = await engines.read(lambda c: int(c.execute(_LIVING).scalar_one()))
        assert living >= len(seen[0])
    finally:
        await engines.close()
