"""网络: is the public address one that the platforms can reach."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from yarl import URL

from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from bot.doctor.web import Unreachable, fetch, is_ours, why_not_running

ORDER = 60


def subjects(_exam: Exam) -> list[tuple[str, None]]:
    return [("网络", None)]


def _public(exam: Exam) -> URL | None:
    text = exam.settings.server.public_url.rstrip("/")
    return URL(text) if text else None


def _wanted_by(exam: Exam) -> list[str]:
    """Apps that the platform calls; Stream apps call themselves."""
    ready = [door for door in exam.settings.doors if door.values is not None]
    return [f"{d.platform}.{d.app}" for d in ready if getattr(d.values, "mode", "http") == "http"]


@check("公网地址")
async def public_url(exam: Exam, _: None) -> Verdicts:
    url, apps = _public(exam), _wanted_by(exam)
    if url is None:
        if apps:
            names = "、".join(apps)
            return bad(f"server.public_url 没有填，{names} 收不到消息：写上外网能到的 https 地址")
        return good("不需要：没有应用要回调")
    if not url.host:
        return bad(f"server.public_url（{url}）里没有域名，要像 https://bot.example.com")
    if url.scheme != "https":
        return note(f"{url} 不是 https：正式使用前在反向代理上加证书")
    return good(str(url))


@check("域名解析")
async def resolves(exam: Exam, _: None) -> Verdicts:
    url = _public(exam)
    if url is None or not url.host:
        return None
    loop, host = asyncio.get_running_loop(), url.host
    try:
        found = await exam.limited(lambda: loop.getaddrinfo(host, url.port, type=socket.SOCK_STREAM))
    except socket.gaierror:
        return bad(f"{host} 解析不了：检查 server.public_url 的拼写和域名的 A 记录")
    addresses = sorted({str(entry[4][0]) for entry in found})
    shown = "、".join(addresses)
    if not any(ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
        return note(f"{host} 是 {shown}，只有内网或本机能到；企业微信和钉钉的服务器到不了")
    return good(f"{host} 是 {shown}")


@check("可达")
async def reachable(exam: Exam, _: None) -> Verdicts:
    """From here; the platform's own way may differ, so a router without loop-back is named."""
    url = _public(exam)
    if url is None or not url.host:
        return None
    health = f"{str(url).rstrip('/')}/healthz"
    try:
        page = await fetch(exam, URL(health))
    except Unreachable as error:
        how = await why_not_running(
            exam,
            f"服务在运行，检查域名、反向代理和防火墙；也可能只是本机绕不出去，用手机流量打开 {health} 看看",
        )
        return bad(f"{health} 到不了（{error}）。{how}")
    if is_ours(page):
        return good(f"{health} 有应答")
    how = await why_not_running(exam, "反向代理要把全部路径原样转给 serve")
    return bad(f"{health} 回答 HTTP {page.status}，不是前哨。{how}")
