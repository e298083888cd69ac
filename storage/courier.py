"""The courier: tells other processes that something may be ready in a queue, so that they look before their time.

It carries hints, never work. The inbox and outbox tables are the truth: a row is committed before it is hinted at,
claimed in the table by whoever was woken, and every worker looks at the table each second anyway. So the engine
may lose, repeat or reorder whatever it likes, and be away as long as it likes: work only starts later
(docs/queue.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

MEMORY = "memory://"
_REDIS = ("redis", "rediss")
_RABBIT = ("amqp", "amqps")
_OPTIONS = {  # what may stand after the ? of an address
    **dict.fromkeys(_REDIS, ("name", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")),
    **dict.fromkeys(_RABBIT, ("name", "heartbeat", "cafile", "capath", "certfile", "keyfile")),
}


@dataclass(frozen=True)
class CourierState:
    """For /metrics, /readyz and doctor. `seconds` it has been up, or away; `trouble` says why it is away, without
    the password. Counted since the start: hints `told` to the engine, `heard` from it, `passed` on because this
    process had no room; rows `missed`: told while it was away; times it was `lost`."""

    engine: str
    up: bool
    seconds: float
    trouble: str = ""
    told: int = 0
    heard: int = 0
    passed: int = 0
    missed: int = 0
    lost: int = 0


class Courier(Protocol):
    """One process's end of the line."""

    @property
    def state(self) -> CourierState: ...

    def start(self, listen: bool, ring: Callable[[str], None], has_room: Callable[[], bool]) -> None:
        """Begin in the background; never fails, whether the engine is there or not. A process that listens is rung
        with the topic of each hint that falls to it, on the event loop; it takes none while it has no room."""
        ...

    def tell(self, topic: str, count: int = 1) -> None:
        """`count` rows were committed to the queue `topic`. Neither blocks nor raises; from any thread, at any
        time. What is told within a few milliseconds becomes a few hints, enough to wake several processes."""
        ...

    async def close(self) -> None:
        """Hand over what was told last, if that goes quickly, and leave."""
        ...


class Alone:
    """The courier of a single process: there is nobody to tell."""

    @property
    def state(self) -> CourierState:
        return CourierState("memory", up=True, seconds=0.0)

    def start(self, listen: bool, ring: Callable[[str], None], has_room: Callable[[], bool]) -> None:
        del listen, ring, has_room

    def tell(self, topic: str, count: int = 1) -> None:
        del topic, count

    async def close(self) -> None:
        return None


def open_courier(url: str, name: str = "main") -> Courier:
    """The courier of `queue.url`; nothing is connected before `start`. `name` keeps two installations on one
    engine apart (`installation_name`); `?name=` in the address goes before it. Raises ValueError with the text of
    `courier_fault`."""
    fault = courier_fault(url)
    if fault:
        raise ValueError(fault)
    if url == MEMORY:
        return Alone()
    address, given = _without_name(urlsplit(url))
    # A process that has no such engine does not spend its start on importing the client.
    from storage.courier_line import LineCourier

    if urlsplit(url).scheme in _REDIS:
        from storage.redis_courier import RedisLine

        return LineCourier(RedisLine(address, given or name), secrets_of(url))
    from storage.rabbit_courier import RabbitLine

    return LineCourier(RabbitLine(address, given or name), secrets_of(url))


def installation_name(database_url: str) -> str:
    """A short name that the processes on one database share and others do not: from its host, port and name,
    never its user or password. All processes must write the address alike, else give `?name=`."""
    parts = urlsplit(database_url)
    place = f"{parts.hostname}:{parts.port or ''}{parts.path}"
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def courier_fault(url: str) -> str:
    """What is wrong with `queue.url`, for the person who wrote it; empty when nothing is. Never says the address
    itself, which may hold a password."""
    if url == MEMORY:
        return ""
    parts = urlsplit(url)
    known = _OPTIONS.get(parts.scheme)
    if known is None:
        return (
            "要写成 memory://（单进程）、redis://主机:6379/0、rediss://…（加密）、amqp://用户:密码@主机:5672/ 或 amqps://…；"
            "不支持集群、哨兵和其他引擎"
        )
    try:
        port_is_fine = parts.port != 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine:
        return "端口要是 1 到 65535 的数字；密码里的 @ : / # ? 要写成 %40 %3A %2F %23 %3F"
    if not parts.hostname:
        return f"缺少主机名，要写成 {parts.scheme}://主机:端口/"
    if parts.scheme in _REDIS and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        return "斜杠后面是 Redis 的库号，要是数字，如 redis://主机:6379/0"
    unknown = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True) if key not in known]
    if unknown:
        return f"问号后面不认识 {'、'.join(unknown)}，可以写 {'、'.join(known)}"
    return ""


def secrets_of(url: str) -> frozenset[str]:
    """The password in an address, as it is written there and as it is meant; never to be logged."""
    password = urlsplit(url).password
    return frozenset({password, unquote(password)}) if password else frozenset()


def _without_name(parts: SplitResult) -> tuple[str, str]:
    options = dict(parse_qsl(parts.query))
    name = options.pop("name", "")
    return urlunsplit(parts._replace(query=urlencode(options))), name
