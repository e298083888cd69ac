"""What every simulated system shares: people, clock, faults, raw exchanges, effects, live updates."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from sandbox.clock import SandboxClock
from sandbox.faults import Faults
from sandbox.stalls import Stalls
from sandbox.store import Store

MAX_EXCHANGES = 2000


class Refusal(Exception):
    """The control API refuses a wish: raised by a simulator, answered as JSON `{"error": …}`.

    `status` 400 bad input · 404 unknown user, app or message · 409 not possible in the present state.
    """

    def __init__(self, message: str, status: int = 400, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


@dataclass(frozen=True)
class Person:
    """Somebody in the simulated company, with one account on each chat platform."""

    name: str
    role: str
    wecom: str
    dingtalk: str


PEOPLE = (
    Person("林小满", "客服", "linxiaoman", "0101"),
    Person("赵仓", "仓库", "zhaocang", "0102"),
    Person("钱进", "财务", "qianjin", "0103"),
    Person("周全", "主管", "zhouquan", "0104"),
    Person("孙账", "财务", "sunzhang", "0105"),
    Person("吴维", "管理员", "wuwei", "0106"),
    Person("陌生人", "未登记", "moshengren", "0199"),
)


@dataclass
class Exchange:
    """One raw HTTP request and answer (or Stream frame and ack), for the console to show."""

    id: int
    system: str
    direction: str  # "in": the bot called the platform; "out": the platform called the bot
    at: str  # ISO 8601, sandbox clock
    method: str
    target: str
    request: str
    status: int
    response: str
    ms: float
    message_id: str = ""  # the chat message this exchange belongs to, when there is one


@dataclass
class Effect:
    """Something that reached a far system and cannot be taken back: a refund, a shipment, a message."""

    system: str
    kind: str
    key: str
    at: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Movement:
    """Money of a buyer as a simulated shop tells it: paid, or with `refund_no` paid back. `amount` in minor units,
    `at_ms` since 1970. `undone`: the order has been taken out of the shop again as if it had never been."""

    platform: str
    shop: str
    order_no: str
    amount: int
    at_ms: int
    refund_no: str = ""
    subject: str = ""
    buyer: str = ""
    currency: str = "CNY"
    undone: bool = False


class ChatPlatform(Protocol):
    """A simulated chat platform, as the control API and the console drive it."""

    name: str

    def routes(self) -> list[web.RouteDef]:
        """Routes relative to `/sandbox/<name>`."""
        ...

    def credentials(self) -> list[dict[str, Any]]:
        """Base addresses, ids and secrets of every app, as a client's settings need them."""
        ...

    def new_app(self, options: dict[str, Any]) -> dict[str, Any]:
        """Make a fresh app with credentials of its own; same shape as one of `credentials()`."""
        ...

    async def say(
        self, user: str, text: str, *, chat: str = "", app: str = "", attachments: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A person types: deliver the callback (or frame) and return `{message_id, …}`."""
        ...

    async def tap(self, user: str, message_id: str, action: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """A person taps a button of a card they can see."""
        ...

    def messages(self, *, user: str = "", chat: str = "", after: int = 0) -> list[dict[str, Any]]:
        """Messages this person (or group) sees with `seq > after`; a changed card gets a new seq."""
        ...

    async def close(self) -> None: ...


class World:
    """The simulated company and the systems around it. One per process."""

    def __init__(
        self, *, path: Path | None = None, base: str = "", clock: SandboxClock | None = None
    ) -> None:
        self.base = base  # e.g. http://127.0.0.1:8080/sandbox, set once the port is known
        self.clock = clock or SandboxClock()
        self.faults = Faults()
        self.stalls = Stalls()
        self.store = Store(path)
        self.people: tuple[Person, ...] = (*PEOPLE, *(Person(**doc) for _, doc in self.store.all("person")))
        self.switches: dict[str, str] = {}  # fidelity switches, "wecom.deliveries" -> "3"
        self.known_switches: dict[str, tuple[str, str]] = {}  # name -> (default, meaning)
        self.known_faults: dict[str, dict[str, str]] = {}  # system -> kind -> meaning
        self.exchanges: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self.effects: list[Effect] = [Effect(**doc) for _, doc in self.store.all("effect")]
        self.on_money: list[Callable[[Movement], None]] = []  # the simulated payment providers listen here
        self._seq = max((int(doc["n"]) for _, doc in self.store.all("seq")), default=0)
        self._exchange_id = 0
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()

    def add_person(self, person: Person) -> None:
        """One more colleague, kept across restarts; load tests need many to stay under per-member limits."""
        self.people = (*self.people, person)
        self.store.put("person", f"{person.wecom}/{person.dingtalk}", vars(person))

    def next_seq(self) -> int:
        """A number that grows with every change anyone can see, across restarts."""
        self._seq += 1
        self.store.put("seq", "seq", {"n": self._seq})
        return self._seq

    def switch(self, name: str, default: str) -> str:
        """A fidelity switch's value; the default is the one the reference states."""
        return self.switches.get(name, default)

    def describe_switches(self, switches: dict[str, tuple[str, str]]) -> None:
        """A system tells which switches it reads: `{name: (default, meaning)}`, for GET /switches."""
        self.known_switches.update(switches)

    def describe_faults(self, system: str, kinds: dict[str, str]) -> None:
        """A system tells which faults it understands: `{kind: meaning}`, for /faults."""
        self.known_faults[system] = kinds

    def record_exchange(self, **fields: Any) -> Exchange:
        self._exchange_id += 1
        exchange = Exchange(id=self._exchange_id, at=self.clock.now().isoformat(), **fields)
        self.exchanges.append(exchange)
        return exchange

    def record_effect(self, system: str, kind: str, key: str, **details: Any) -> Effect:
        effect = Effect(system, kind, key, self.clock.now().isoformat(), details)
        self.effects.append(effect)
        self.store.put("effect", str(len(self.effects)), vars(effect))
        self.publish({"event": "effect", "system": system, "kind": kind})
        return effect

    def money_moved(self, movement: Movement) -> None:
        """A shop tells of a payment or refund, as often as it likes: providers book each of them once."""
        for booked in self.on_money:
            booked(movement)

    def publish(self, event: dict[str, Any]) -> None:
        """Tell every open console that something changed: `{"event": "message", "platform": …}`."""
        for queue in self._listeners:
            queue.put_nowait(event)

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        queue = self.subscribe()
        try:
            while True:
                yield await queue.get()
        finally:
            self.unsubscribe(queue)

    def subscribe(self) -> asyncio.Queue[dict[str, Any]]:
        """A queue of every event from now on; give it back with `unsubscribe`."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[dict[str, Any]]) -> None:
        self._listeners.discard(queue)

    def close_listeners(self) -> None:
        """End every `/events` stream so that a stop does not wait for open consoles."""
        self.publish({"event": "closed"})
