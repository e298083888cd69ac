"""From a tap to the last of the refund's cards showing the outcome, at 50 approvals a second."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bench.figures import NO_AIM, Aim, Figure, one, percentile
from bench.processes import OURS, server
from bench.refund_world import AMOUNT, APPROVERS, REFUNDS_PER_DESK, Desk, desks, furnish, furnish_server
from bench.sandbox_api import SandboxApi
from tests.servers import free_port

NAME = "cards"
METHOD = """\
`python -m bot serve` and `python -m bot sandbox`, each a process of its own, SQLite with `synchronous=FULL`; nothing
in either is replaced. Requesters ask for refunds in words; each refund goes to three approvers as a card in WeCom and
one in DingTalk, and to the requester: seven cards. Then one approver a refund taps 同意, half of them in WeCom and half
in DingTalk (or chooses a reason for 驳回), at a fixed rate that does not wait for answers. The clock runs from the
sending of the tap until the last of the seven cards shows the final outcome, by the sandbox's own time of each card's
last change. A rejection ends with the desk's own decision; between an approval and its outcome lie seven calls to the
shop as well: finding the buyer's application, asking, reviewing, agreeing and confirming. Taps that never got there
count as the whole waiting time.

What the platforms' limits allow: WeCom takes 30 messages a minute to one member and DingTalk 20 calls a second of one
app to one endpoint, so no real company approves 50 refunds a second with three people. The load is spread over desks
of one shop, one requester, three approvers, one DingTalk app and one Taobao app each, 24 refunds a desk, all in one
server; with that all limits stay on, but for three switches of the sandbox: DingTalk's monthly quotas of the free
edition are lifted, and WeCom's simulated delay of callbacks (50 to 300 ms) is off, for it is not ours."""

CARDS = 2 * APPROVERS + 1
APPROVE, REJECT = "approve", "reject"
OUTCOMES = {APPROVE: "已退款", REJECT: "已驳回"}
RATES = ((APPROVE, 10, 5), (REJECT, 50, 10), (APPROVE, 50, 10))  # verdict, taps a second, seconds
QUICK_RATES = ((APPROVE, 10, 3), (REJECT, 50, 3))
ASK_RATE = 20.0  # requests a second while the cards are prepared
PATIENCE = 60.0  # seconds until what has not come counts as never
_OPEN_ROWS = re.compile(r'^\S+\{\S*"(?:inbox|outbox)\.(?:ready|running)"\S*\} ([\d.e+]+)$', re.M)
_NUMBER = re.compile(r"RF\d{6}[0-9A-Z]{6}")
T = TypeVar("T")


async def run(quick: bool) -> list[Figure]:
    rates = QUICK_RATES if quick else RATES
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        folder, port = Path(name), free_port()
        company = desks(sum(rate * seconds for _, rate, seconds in rates))
        sandbox = [OURS, "-m", "bot", "sandbox", "--port", "0", "--data", str(folder / "world")]
        async with server(sandbox, log=folder / "sandbox.log") as far, aiohttp.ClientSession() as session:
            api = SandboxApi(session, f"http://127.0.0.1:{far.port}/sandbox")
            config = await furnish_server(folder, port, company, await furnish(api, company))
            serve = [OURS, "-m", "bot", "serve", "--config", str(config)]
            async with server(serve, log=folder / "serve.log"):
                await api.post(
                    "/apps/wecom/main", callback_url=f"http://127.0.0.1:{port}/callback/wecom/main"
                )
                return await _measure(Company(api, session, port, company), rates)


async def _measure(company: Company, rates: Sequence[tuple[str, int, int]]) -> list[Figure]:
    refunds = await _ask(company)
    figures = []
    for verdict, rate, seconds in rates:
        batch, refunds = refunds[: rate * seconds], refunds[rate * seconds :]
        figures.append(await _decide(company, batch, verdict, rate, seconds))
    return figures


@dataclass(frozen=True)
class Company:
    """The people, the sandbox they chat in, and the server on `port`."""

    api: SandboxApi
    session: aiohttp.ClientSession
    port: int
    desks: Sequence[Desk]

    async def quiet(self, seconds: float) -> bool:
        """Wait until the server has nothing in hand and nothing waiting; False when it still has by then."""
        deadline = time.monotonic() + seconds
        idle = 0
        while idle < 3 and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
            async with self.session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
                page = await answer.text()
            open_rows = sum(float(found) for found in _OPEN_ROWS.findall(page))
            idle = idle + 1 if open_rows == 0 else 0
        return idle >= 3

    async def cards(self) -> dict[str, list[Shown]]:
        """Every refund card by the refund's number. Asked person by person: one large answer would hold up
        the sandbox."""
        found: dict[str, list[Shown]] = defaultdict(list)
        for user in (user for desk in self.desks for user in desk.people):
            for platform in ("wecom", "dingtalk"):
                listing = await self.api.get("/messages", platform=platform, user=user)
                for message in listing["messages"]:
                    _note_card(found, message)
        return found


def _note_card(found: dict[str, list[Shown]], message: Mapping[str, Any]) -> None:
    card: Mapping[str, Any] = message.get("card") or {}
    number = _NUMBER.search(f"{card.get('subtitle', '')} {card.get('title', '')} {card.get('body', '')}")
    if number and message["from"] == "bot":
        moment = datetime.fromisoformat(message["updated_at"]).timestamp()
        title = f"{card.get('title')} {card.get('replace_text', '')}"
        found[number[0]].append(Shown(message["id"], message["platform"], message["user"], title, moment))


@dataclass(frozen=True)
class Shown:
    """One card in somebody's chat."""

    message_id: str
    platform: str
    user: str
    title: str
    updated_at: float  # seconds since 1970

    @property
    def settled(self) -> bool:
        return any(outcome in self.title for outcome in OUTCOMES.values())


Refund = tuple[str, Sequence[Shown]]


async def _ask(company: Company) -> list[Refund]:
    """Refund requests in words, until every card has been sent."""
    wanted = [(desk.requester, number) for desk in company.desks for number in desk.orders]
    turns = [wanted[n] for n in _dealt(len(wanted), REFUNDS_PER_DESK)]
    print(f"   preparing {len(turns)} refunds of {len(company.desks)} desks …", flush=True)

    async def ask(turn: tuple[str, str]) -> None:
        user, number = turn
        await company.api.post("/say", platform="wecom", user=user, text=f"退款 {number} {AMOUNT} 破损")

    await at_rate(turns, ASK_RATE, ask)
    await company.quiet(3 * PATIENCE)
    found = await company.cards()
    ready = [(number, cards) for number, cards in found.items() if len(cards) == CARDS]
    if len(ready) < len(turns):
        raise RuntimeError(f"only {len(ready)} of {len(turns)} refunds have all their {CARDS} cards")
    return [ready[n] for n in _dealt(len(ready), REFUNDS_PER_DESK)]


def _dealt(count: int, hand: int) -> list[int]:
    """Indices so that desks take turns instead of one being busy after the other."""
    return sorted(range(count), key=lambda n: (n % hand, n))


async def at_rate(items: Sequence[T], rate: float, act: Callable[[T], Awaitable[None]]) -> None:
    """Begin one every 1/rate seconds, whether the ones before have ended or not; all must end well."""
    began, tasks = time.perf_counter(), []
    for n, item in enumerate(items):
        await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
        tasks.append(asyncio.ensure_future(act(item)))
    await asyncio.gather(*tasks)


async def _decide(
    company: Company, refunds: Sequence[Refund], verdict: str, rate: int, seconds: int
) -> Figure:
    tapped: dict[str, float] = {}

    async def tap(turn: tuple[int, Refund]) -> None:
        n, (number, cards) = turn
        platform = ("wecom", "dingtalk")[n % 2]
        mine = [c for c in cards if c.platform == platform and c.user.startswith("decides")]
        card = mine[n // 2 % len(mine)]
        tapped[number] = time.time()
        await company.api.post(
            "/tap",
            platform=platform,
            user=card.user,
            message_id=card.message_id,
            # The second tap of a rejection, the one that names the reason.
            action="同意" if verdict == APPROVE else f"refund.reject|refund|{number}|1|0",
            forge=verdict == REJECT,
        )

    await at_rate(list(enumerate(refunds)), rate, tap)
    await company.quiet(PATIENCE)
    taken, unsettled = _settled(await company.cards(), tapped)
    return Figure(
        name=f"{verdict}: tap to all {CARDS} cards updated, {rate} taps a second for {seconds} s, p95",
        unit="ms",
        ours=one(percentile(taken, 0.95)),
        aim=Aim(at_most=150.0) if rate == 50 else NO_AIM,
        note=f"{len(taken)} refunds, p50 {percentile(taken, 0.5):.0f} ms, p99 {percentile(taken, 0.99):.0f} ms, "
        f"slowest {max(taken):.0f} ms, never settled {unsettled}",
    )


def _settled(found: Mapping[str, Sequence[Shown]], tapped: Mapping[str, float]) -> tuple[list[float], int]:
    """Milliseconds of each refund, and how many never got there."""
    late = {number for number in tapped if not all(card.settled for card in found[number])}
    taken = [
        1000 * (PATIENCE if number in late else max(card.updated_at for card in found[number]) - began)
        for number, began in tapped.items()
    ]
    return taken, len(late)
