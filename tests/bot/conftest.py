"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.kit import Small, small


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Small]:
    async with small(tmp_path) as made:
        yield made
