"""An independent Shopify client from the package registry (ShopifyAPI) works against the sandbox shop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.shopify_kit import Shopify, shopify


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


async def run(far: Shopify, token: str, way: str) -> dict[str, Any]:
    """The package is blocking and keeps its settings in globals: it runs in a process of its own."""
    program = (
        "-W",
        "ignore",
        "-m",
        "tests.sandbox.shopify_sdk_client",
        far.credential()["api_base"],
        token,
        way,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    found: dict[str, Any] = json.loads(said.decode().strip().splitlines()[-1])
    return found


async def test_it_lists_fetches_counts_and_queries(far: Shopify) -> None:
    numbers = [int(far.order(items=[{"price": "40.50", "num": 2, "sku": "MUG-PAIR"}])) for _ in range(5)]
    closed = int(far.order(status="completed"))
    seen = await run(far, far.credential()["access_token"], "good")
    assert seen["shop"] == "Shopify 美国站"
    assert seen["orders"] == [closed, *reversed(numbers)]
    assert seen["one"][:2] == [closed, "#1006"]
    assert (seen["count"], seen["open"]) == (6, 5)
    assert seen["credit"] == 40
    assert seen["transactions"] == ["sale"]
    assert seen["cost"] == 1 + 2 + 2 * 3
    edges = seen["graphql"]["orders"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == [
        f"gid://shopify/Order/{n}" for n in (closed, numbers[-1])
    ]
    assert edges[1]["node"]["totalPriceSet"]["shopMoney"] == {"amount": "81.00", "currencyCode": "USD"}
    assert seen["graphql"]["orders"]["pageInfo"] == {"hasNextPage": True}


async def test_it_is_refused_with_a_wrong_token(far: Shopify) -> None:
    assert await run(far, "shpat_wrong", "bad") == {"rest": 401, "graphql": 401}
