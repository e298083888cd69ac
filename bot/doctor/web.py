"""Plain HTTP questions that checks put: what came back, or in plain words why nothing did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.doctor.exam import Exam


class Unreachable(Exception):
    """No answer; the message says at which step."""


@dataclass(frozen=True)
class Page:
    """`seconds`: from the question to the whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


async def fetch(exam: Exam, url: URL, *, method: str = "GET", data: bytes = b"", proxy: str = "") -> Page:
    """One request without redirects, within the time limit; Unreachable when there is no answer."""
    now = asyncio.get_running_loop().time
    started = now()

    async def ask() -> Page:
        async with exam.session.request(
            method, url, data=data or None, allow_redirects=False, proxy=proxy or None
        ) as response:
            body = await response.read()
            return Page(response.status, response.headers, body, now() - started)

    try:
        return await exam.limited(ask)
    except TimeoutError:
        raise Unreachable(f"{exam.seconds:g} 秒没有应答") from None
    except aiohttp.ClientConnectorDNSError:
        raise Unreachable("域名解析不了") from None
    except aiohttp.ClientConnectorCertificateError:
        raise Unreachable("TLS 证书不对或已过期") from None
    except aiohttp.ClientSSLError:
        raise Unreachable("TLS 握手失败") from None
    except aiohttp.ClientConnectorError:
        raise Unreachable("连接被拒绝或不通") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"连接中断（{type(error).__name__}）") from None


def is_ours(page: Page) -> bool:
    """Whether `/healthz` was answered by a running 前哨."""
    return page.status == 200 and b'"status"' in page.body and b'"ok"' in page.body


def here(exam: Exam, path: str) -> URL:
    """An address of the server of these settings, seen from this machine."""
    server = exam.settings.server
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - compared, not bound
    return URL.build(scheme="http", host=host, port=server.port, path=path)


async def running_here(exam: Exam) -> bool:
    """Whether the server of these settings answers on this machine."""

    async def ask() -> bool:
        try:
            return is_ours(await fetch(exam, here(exam, "/healthz")))
        except Unreachable:
            return False

    return await exam.once("running here", ask)


async def why_not_running(exam: Exam, otherwise: str) -> str:
    """Advice when a public address gives no answer."""
    if await running_here(exam):
        return otherwise
    return "本机上没有服务在运行：另开一个终端运行 python -m bot serve，再来检查"
