"""Connections to the desk that are all open before the first call, as many as there ever will be: what the desk's own
processes gain afterwards is theirs."""

from __future__ import annotations

import asyncio

import aiohttp

LINES = 4  # connections of one client


async def open_clients(count: int, port: int) -> list[aiohttp.ClientSession]:
    """So many clients, in turns, as platforms come from many hosts. Close each."""
    clients = [aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=LINES)) for _ in range(count)]
    url = f"http://127.0.0.1:{port}/healthz"
    await asyncio.gather(*(_knock(client, url) for client in clients for _ in range(LINES)))
    return clients


async def _knock(client: aiohttp.ClientSession, url: str) -> None:
    async with client.get(url) as answer:
        await answer.read()
