"""A WeCom that says yes at once and keeps a ledger of what reached whom; and, when asked to, its people: they look
orders up at a steady rate and tap buttons on the cards they get. A card sent a second time is refused, as there.

Speaks of moments by `perf_counter`, which all processes of a Linux machine share.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from bench.callbacks import App, sealed
from bench.lines import open_clients
from bench.orders import number
from bench.standing import stand_until_stopped
from sandbox.wecom.inbound import Common, card_event

_NUMBER = re.compile(r"(?<!\d)\d{19}(?!\d)")
_MESSAGE_IDS = itertools.count(7 * 10**18)
DUPLICATE_TASK = 42014
THINK_SECONDS = 1.0  # from a card to the tap on it
CLIENTS = 16


@dataclass
class Arrival:
    """Something reached a person: `what` is the message's type, or `update` of a card."""

    at: float
    user: str
    what: str
    number: str


@dataclass
class Asked:
    """A callback: `number` is the order asked for, "" of a tap."""

    user: str
    number: str
    sent: float
    acknowledged: float = 0.0
    status: int = 0


@dataclass
class Ledger:
    arrivals: list[Arrival] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    repeated: int = 0  # cards that were sent again and refused
    late: float = 0.0  # seconds the busiest moment was behind its plan


@dataclass(frozen=True)
class Plan:
    """`rate` look-ups a second for `seconds` from `began` on; of `stored` old orders and, with `fresh_rate`, of those
    that a shop sends in at that rate since `began`, numbered from `fresh_from`, once they are `fresh_after` old."""

    port: int
    users: list[str]
    rate: float
    seconds: float
    began: float
    stored: int
    seed: int
    fresh_rate: float = 0.0
    fresh_from: int = 0
    fresh_after: float = 5.0
    tap_share: float = 0.0


class People:
    """`at_home` while nobody asks: messages are only noted."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._app = App()
        self._plan: Plan | None = None
        self._rng = random.Random(0)
        self._clients: list[aiohttp.ClientSession] = []
        self._turn = itertools.count()
        self._under_way: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._cards: set[str] = set()

    async def token(self, _request: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "bench", "expires_in": 7200})

    async def done(self, request: web.Request) -> web.Response:
        body = await request.read()
        n = next(self._numbers)
        if request.path.endswith(("/message/send", "/message/update_template_card")):
            message = orjson.loads(body)
            if request.path.endswith("/send") and self._again(message):
                return web.json_response({"errcode": DUPLICATE_TASK, "errmsg": "duplicate task_id"})
            self._note(message, body.decode())
        answer = {"errcode": 0, "errmsg": "ok", "msgid": f"m{n}", "response_code": f"code{n}"}
        return web.json_response(answer)

    def _again(self, message: dict[str, Any]) -> bool:
        """Whether this card has been sent before (wecom.md §4)."""
        task = message.get("template_card", {}).get("task_id", "")
        if not task:
            return False
        if task in self._cards:
            self.ledger.repeated += 1
            return True
        self._cards.add(task)
        return False

    def _note(self, message: dict[str, Any], text: str) -> None:
        user = message.get("touser") or "".join(message.get("userids", []))
        found = _NUMBER.search(text)
        what = message.get("msgtype", "update")
        self.ledger.arrivals.append(Arrival(perf_counter(), user, what, found[0] if found else ""))
        plan, card = self._plan, message.get("template_card")
        if plan is None or what == "update" or not isinstance(card, dict) or user not in plan.users:
            return
        if card.get("button_list") and self._rng.random() < plan.tap_share:
            self._begin(self._tap(plan, user, card))

    async def ledger_page(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self.ledger))

    async def ask(self, request: web.Request) -> web.Response:
        """Answers when everybody has asked what there was to ask and every callback has its answer."""
        plan = Plan(**orjson.loads(await request.read()))
        self._plan, self._rng = plan, random.Random(plan.seed)
        self._clients = await open_clients(CLIENTS, plan.port)
        try:
            for n in range(int(plan.rate * plan.seconds)):
                due = plan.began + n / plan.rate
                await asyncio.sleep(max(0.0, due - perf_counter()))
                self.ledger.late = max(self.ledger.late, perf_counter() - due)
                self._begin(self._look_up(plan, plan.users[n % len(plan.users)]))
            while self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            self._plan = None
            for client in self._clients:
                await client.close()
        return web.json_response({"asked": len(self.ledger.asked)})

    def _begin(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _look_up(self, plan: Plan, user: str) -> None:
        wanted = self._drawn(plan)
        common = Common(self._app.corp_id, user, self._app.agent_id, 1_795_000_000)
        plain = common.message("text", str(next(_MESSAGE_IDS)), [("Content", f"查单 {wanted}")])
        await self._call_back(plan, plain, Asked(user, wanted, 0.0))

    def _drawn(self, plan: Plan) -> str:
        """Half of the stored ones, half of those that came in a moment ago, once there are any."""
        known = int((perf_counter() - plan.began - plan.fresh_after) * plan.fresh_rate)
        if known > 0 and self._rng.random() < 0.5:
            return number(plan.fresh_from + known - 1 - self._rng.randrange(min(known, 2000)))
        return number(self._rng.randrange(plan.stored))

    async def _tap(self, plan: Plan, user: str, card: dict[str, Any]) -> None:
        await asyncio.sleep(THINK_SECONDS)
        fields = card_event(
            key=card["button_list"][0]["key"],
            task_id=card["task_id"],
            card_type=card["card_type"],
            response_code=self._rng.randbytes(30).hex(),
            selected=None,
        )
        common = Common(self._app.corp_id, user, self._app.agent_id, 1_795_000_000)
        await self._call_back(plan, common.event("template_card_event", fields), Asked(user, "", 0.0))

    async def _call_back(self, plan: Plan, plain: str, asked: Asked) -> None:
        callback = sealed(self._app, plain, self._rng)
        url = f"http://127.0.0.1:{plan.port}/callback/wecom/{self._app.name}?{callback.query}"
        client = self._clients[next(self._turn) % CLIENTS]
        self.ledger.asked.append(asked)
        asked.sent = perf_counter()
        try:
            async with client.post(url, data=callback.body, headers={"Content-Type": "text/xml"}) as answer:
                await answer.read()
                asked.status = answer.status
        except aiohttp.ClientError:
            asked.status = 0
        asked.acknowledged = perf_counter()


def main() -> None:
    people = People()
    app = web.Application()
    app.add_routes(
        [
            web.get("/cgi-bin/gettoken", people.token),
            web.get("/bench/ledger", people.ledger_page),
            web.post("/bench/ask", people.ask),
            web.route("*", "/{path:.*}", people.done),
        ]
    )
    stand_until_stopped(app)


if __name__ == "__main__":
    main()
