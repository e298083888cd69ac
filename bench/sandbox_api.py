"""The sandbox's control API (DESIGN.md §5), as a person at its console would use it."""

from __future__ import annotations

from typing import Any

import aiohttp


class SandboxApi:
    """`base` is http://127.0.0.1:PORT/sandbox."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        async with self._session.post(self._base + path, json=body) as answer:
            return await _read(answer)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        async with self._session.get(self._base + path, params=query) as answer:
            return await _read(answer)

    async def clear_faults(self, system: str) -> None:
        async with self._session.delete(f"{self._base}/faults", params={"system": system}) as answer:
            await _read(answer)


async def _read(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    body: dict[str, Any] = await answer.json()
    if answer.status != 200:
        raise RuntimeError(f"{answer.method} {answer.url.path}: {answer.status} {body}")
    return body
