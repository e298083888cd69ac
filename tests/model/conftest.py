"""A database for the real desk under the model."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import make_url

from bot import logs


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    logs.configure("critical", "json")


@pytest.fixture(scope="session")
def model_url(postgres_url: str) -> Iterator[str]:
    """One PostgreSQL database for all runs: each has an order, a refund and names of its own."""
    name = f"qianshao_model_{secrets.token_hex(6)}"
    asyncio.run(_execute(postgres_url, f'CREATE DATABASE "{name}"'))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
