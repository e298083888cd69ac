"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import logs
from tests.bot.kit import Small, small


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Small]:
    async with small(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """As the server writes them, not structlog's picture with every local variable."""
    logs.configure("debug", "json")
