"""Hints between processes, on the real engines: who is woken, and what happens when the engine goes."""

from __future__ import annotations

import asyncio
import gc
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis

from storage.courier import Courier, courier_fault, installation_name, open_courier
from storage.courier_line import MOST_HINTS, hints_for
from tests.far_servers import FarServer, private_rabbit

ENGINES = [pytest.param("redis", id="redis"), pytest.param("rabbit", id="rabbitmq", marks=pytest.mark.rabbit)]
_WAIT_SECONDS = 60.0


class Listener:
    """One process of the fleet, as the courier sees it."""

    def __init__(self, url: str, name: str, *, listen: bool = True) -> None:
        self.heard: Counter[str] = Counter()
        self.room = True
        self.courier = open_courier(url, name)
        self.courier.start(listen, self._ring, lambda: self.room)

    def _ring(self, topic: str) -> None:
        self.heard[topic] += 1


Open = Callable[..., Listener]


@pytest.fixture(params=ENGINES)
def engine_url(request: pytest.FixtureRequest) -> str:
    """One server for all tests that leave it alone."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="module")
def rabbit_to_kill() -> Iterator[FarServer]:
    """One for the tests of this file: RabbitMQ needs seconds to start."""
    with private_rabbit() as server:
        yield server


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> FarServer:
    """A server that this test may kill, and starts again."""
    name = "rabbit_to_kill" if request.param == "rabbit" else "redis_server"
    own = request.getfixturevalue(name)
    assert isinstance(own, FarServer)
    if not own.alive:
        own.start()  # a test failed before it did
    return own


@pytest.fixture
async def fleet() -> AsyncIterator[Open]:
    """Opens processes that belong together: `fleet(url)`, or apart: `fleet(url, "another")`."""
    name, opened = f"test-{secrets.token_hex(4)}", []
    unseen: list[dict[str, Any]] = []
    running = asyncio.all_tasks()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unseen.append(context))

    def start(url: str, apart: str = "", *, listen: bool = True) -> Listener:
        opened.append(Listener(url, name + apart, listen=listen))
        return opened[-1]

    yield start
    for listener in opened:
        await listener.courier.close()
    # A library that is still closing when the loop ends is heard of in the test after this one.
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= running, "every task to end")
    opened.clear()
    gc.collect()
    await asyncio.sleep(0)
    assert unseen == []  # no task of ours or of the libraries failed without anybody looking


async def until(true: Callable[[], Any], what: str) -> None:
    for _ in range(int(_WAIT_SECONDS / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited {_WAIT_SECONDS:.0f} s for: {what}")


def more_than(before: int, now: Callable[[], int]) -> Callable[[], bool]:
    return lambda: now() > before


async def up(*listeners: Listener) -> None:
    for one in listeners:
        await until(partial(_is_up, one), "the line to be up")


def _is_up(one: Listener) -> bool:
    return one.courier.state.up


async def flows(teller: Courier, *listeners: Listener) -> None:
    """Every listener is reached in the end: what is told goes round among those that wait."""
    before = [sum(one.heard.values()) for one in listeners]
    for _ in range(int(_WAIT_SECONDS / 0.1)):
        teller.tell("inbox", 64)
        await asyncio.sleep(0.1)
        if all(sum(one.heard.values()) > old for one, old in zip(listeners, before, strict=True)):
            return
    raise AssertionError(f"not all were reached: {[one.courier.state for one in listeners]}")


async def test_a_hint_wakes_exactly_one_process(engine_url: str, fleet: Open) -> None:
    web, first, second = fleet(engine_url, listen=False), fleet(engine_url), fleet(engine_url)
    await up(web, first, second)
    for number in range(20):
        web.courier.tell("inbox")
        await until(more_than(number, lambda: (first.heard + second.heard)["inbox"]), "the hint")
    web.courier.tell("outbox")  # each sent in its order: once this is heard, nothing of before is under way
    await until(lambda: (first.heard + second.heard)["outbox"] == 1, "the last hint")
    assert (first.heard + second.heard)["inbox"] == 20
    assert not web.heard
    state = web.courier.state
    assert (state.told, state.missed, state.lost, state.trouble) == (21, 0, 0, "")
    assert first.courier.state.heard + second.courier.state.heard == 21


async def test_many_rows_wake_several_processes(engine_url: str, fleet: Open) -> None:
    web, first, second = fleet(engine_url, listen=False), fleet(engine_url), fleet(engine_url)
    await up(web, first, second)
    await flows(web.courier, first, second)
    told = web.courier.state.told
    for _ in range(500):  # commits in a row, before the loop turns
        web.courier.tell("inbox", 2)
    await until(lambda: web.courier.state.told > told, "the telling")
    assert web.courier.state.told - told == MOST_HINTS


async def test_a_process_without_room_is_passed_over(engine_url: str, fleet: Open) -> None:
    web, full, free = fleet(engine_url, listen=False), fleet(engine_url), fleet(engine_url)
    await up(web, full, free)
    await flows(web.courier, full, free)
    full.room = False
    before = full.heard.copy()
    for _ in range(20):
        another = more_than(free.heard["inbox"], lambda: free.heard["inbox"])
        web.courier.tell("inbox")
        await until(another, "the free one to be woken")
    assert full.heard == before
    full.room = True
    await flows(web.courier, full)


async def test_told_while_nobody_has_room_waits(engine_url: str, fleet: Open) -> None:
    web, only = fleet(engine_url, listen=False), fleet(engine_url)
    only.room = False
    await up(web, only)
    web.courier.tell("inbox")
    await until(lambda: web.courier.state.told == 1, "the telling")
    assert not only.heard
    only.room = True
    await until(lambda: only.heard["inbox"] == 1, "the hint that waited")


async def test_told_from_another_thread(engine_url: str, fleet: Open) -> None:
    web, worker = fleet(engine_url, listen=False), fleet(engine_url)
    await up(web, worker)
    thread = threading.Thread(target=web.courier.tell, args=("inbox",))
    thread.start()
    await until(lambda: worker.heard["inbox"] == 1, "the hint")
    thread.join()


async def test_two_installations_do_not_hear_each_other(engine_url: str, fleet: Open) -> None:
    ours, mine, theirs = fleet(engine_url, listen=False), fleet(engine_url), fleet(engine_url, "-theirs")
    await up(ours, mine, theirs)
    await flows(ours.courier, mine)
    assert not theirs.heard
    named = fleet(f"{engine_url}?name={secrets.token_hex(4)}", listen=False)  # goes before the name given
    await up(named)
    told, heard = named.courier.state.told, mine.heard.copy()
    named.courier.tell("inbox")
    await until(lambda: named.courier.state.told > told, "the telling")
    ours.courier.tell("end")
    await until(lambda: mine.heard["end"], "our own hint")
    assert mine.heard["inbox"] <= heard["inbox"] + MOST_HINTS
    assert not theirs.heard


async def test_what_was_told_last_is_handed_over_at_close(engine_url: str, fleet: Open) -> None:
    web, worker = fleet(engine_url, listen=False), fleet(engine_url)
    await up(web, worker)
    web.courier.tell("outbox")
    await web.courier.close()
    await until(lambda: worker.heard["outbox"] == 1, "the last hint")
    assert not web.courier.state.up
    web.courier.tell("outbox")  # harmless


async def test_a_killed_engine_is_found_again(server: FarServer, fleet: Open) -> None:
    with structlog.testing.capture_logs() as lines:
        web, first, second = fleet(server.url, listen=False), fleet(server.url), fleet(server.url)
        await up(web, first, second)
        await flows(web.courier, first, second)
        server.kill()
        for _ in range(1000):  # neither blocks nor raises; the loop does not turn here
            web.courier.tell("inbox", 3)
        await until(lambda: not any(one.courier.state.up for one in (web, first, second)), "all to notice")
        web.courier.tell("outbox", 100)
        state = web.courier.state
        assert state.trouble
        assert state.lost == 1
        assert state.missed >= 100
        await asyncio.to_thread(server.start)
        await until(lambda: (first.heard + second.heard)["outbox"], "what was told during the outage")
        await up(web, first, second)
        await flows(web.courier, first, second)
        assert web.courier.state.trouble == ""
    said = Counter(str(line["event"]).split(";")[0] for line in lines)
    assert said == {"queue engine is away": 3, "queue engine is back": 3}  # once each of the three processes


async def test_killed_again_and_again(server: FarServer, fleet: Open) -> None:
    worker = fleet(server.url)
    await up(worker)
    tasks = len(asyncio.all_tasks())
    for lost in range(3):
        server.kill()
        await until(more_than(lost, lambda: worker.courier.state.lost), "the loss to be noticed")
        await asyncio.to_thread(server.start)
        await up(worker)
        await flows(worker.courier, worker)
    await until(lambda: len(asyncio.all_tasks()) <= tasks + 2, "no task of an old connection to be left")


async def test_an_engine_that_hangs_is_noticed_and_found_again(server: FarServer, fleet: Open) -> None:
    web, worker = fleet(server.url, listen=False), fleet(server.url)
    await up(web, worker)
    await flows(web.courier, worker)
    server.pause()
    try:
        web.courier.tell("inbox")
        await until(lambda: not web.courier.state.up and not worker.courier.state.up, "both to notice")
    finally:
        server.resume()
    await flows(web.courier, worker)


async def test_a_process_that_was_stopped_for_a_while_hears_again_and_ends(
    engine_url: str, fleet: Open
) -> None:
    """All its timers are due at once then, and what fails meets what is cancelled (storage/heeding.py)."""
    running = asyncio.all_tasks()
    one, two = fleet(engine_url), fleet(engine_url)
    await up(one, two)
    talking = asyncio.create_task(_talk(one.courier))
    for _ in range(2):
        await asyncio.sleep(0.2)
        asyncio.get_running_loop().call_soon(time.sleep, 3.6)  # longer than any answer may take
        await asyncio.sleep(0.05)
        await flows(two.courier, one, two)
    talking.cancel()
    for listener in (one, two):
        await listener.courier.close()
    await until(lambda: asyncio.all_tasks() <= running, "every task to end")


async def _talk(courier: Courier) -> None:
    while True:
        courier.tell("outbox")
        await asyncio.sleep(0.003)


async def test_a_process_that_starts_before_its_engine(server: FarServer, fleet: Open) -> None:
    server.kill()
    worker = fleet(server.url)
    worker.courier.tell("inbox")
    await until(lambda: "not connected" not in worker.courier.state.trouble, "the first try")
    assert not worker.courier.state.up
    await asyncio.to_thread(server.start)
    await until(lambda: worker.heard["inbox"] == 1, "the hint told before")


async def test_leaving_while_the_engine_is_away(server: FarServer, fleet: Open) -> None:
    """A stop is not held up by an engine that does not answer, nor does it leave anything running."""
    running = asyncio.all_tasks()
    reading, hanging = fleet(server.url), fleet(server.url)
    await up(reading)
    server.pause()
    late = fleet(server.url)  # in the middle of connecting
    late.courier.tell("inbox")
    await asyncio.sleep(0.05)
    for one in (reading, hanging, late):
        await one.courier.close()
    await until(lambda: asyncio.all_tasks() <= running, "every task to end")
    server.resume()


async def test_an_emptied_redis_costs_nothing(redis_server: FarServer, fleet: Open) -> None:
    web, worker = fleet(redis_server.url, listen=False), fleet(redis_server.url)
    await up(web, worker)
    client = Redis.from_url(redis_server.url)
    for _ in range(3):
        await flows(web.courier, worker)
        await client.flushall()
    await flows(web.courier, worker)
    assert worker.courier.state.lost == 0
    await client.aclose()


async def test_redis_keeps_a_short_stream_and_no_dead_readers(redis_server: FarServer, fleet: Open) -> None:
    web = fleet(redis_server.url, listen=False)
    await up(web)
    for number in range(100):
        another = more_than(web.courier.state.told, lambda: web.courier.state.told)
        web.courier.tell(f"topic {number}", 1000)
        await until(another, "the telling")
    client = Redis.from_url(redis_server.url, decode_responses=True)
    [stream] = [key async for key in client.scan_iter("qianshao:*")]
    assert await client.xlen(stream) < 500
    worker = fleet(redis_server.url)
    await until(lambda: worker.heard["topic 99"] == MOST_HINTS, "what is left to be read")
    [group] = await client.xinfo_groups(stream)
    assert group["pending"] == 0
    await client.aclose()


async def test_a_wrong_password_is_told_without_saying_it(redis_server: FarServer, fleet: Open) -> None:
    client = Redis.from_url(redis_server.url)
    await client.config_set("requirepass", "right")
    with structlog.testing.capture_logs() as lines:
        worker = fleet(redis_server.url.replace("//", "//:wr%40ng-secret@"))
        await until(lambda: "not connected" not in worker.courier.state.trouble, "the first try")
    assert not worker.courier.state.up
    assert worker.courier.state.trouble
    assert "ng-secret" not in f"{lines}{worker.courier.state}"
    await client.aclose()


@pytest.mark.rabbit
async def test_rabbit_refusing_us_is_told_without_the_password(rabbit_url: str, fleet: Open) -> None:
    with structlog.testing.capture_logs() as lines:
        worker = fleet(rabbit_url.replace("guest:guest@", "guest:wr%40ng-secret@"))
        await until(lambda: "Auth" in worker.courier.state.trouble, "the refusal")
    assert "ng-secret" not in f"{lines}{worker.courier.state}"


async def test_a_single_process_has_nobody_to_tell() -> None:
    courier = open_courier("memory://")
    courier.tell("inbox")
    courier.start(True, lambda topic: pytest.fail(f"rang for {topic}"), lambda: True)
    courier.tell("inbox", 5)
    assert courier.state.engine == "memory"
    assert courier.state.up
    await courier.close()


def test_hints_for_rows() -> None:
    assert [hints_for(rows) for rows in (1, 8, 9, 16, 63, 64, 65, 100_000)] == [1, 1, 2, 2, 8, 8, 8, 8]


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "redis://127.0.0.1",
        "redis://:p%40ss@redis.internal:6379/2",
        "rediss://user:pass@redis.internal/0?ssl_ca_certs=ca.pem&name=shop",
        "amqp://user:pass@rabbit.internal:5672/vhost?heartbeat=10",
        "amqps://rabbit.internal/?cafile=ca.pem",
    ],
)
def test_addresses_that_will_do(url: str) -> None:
    assert courier_fault(url) == ""
    open_courier(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "memory://"),
        ("kafka://127.0.0.1", "不支持"),
        ("redis+sentinel://127.0.0.1", "不支持"),
        ("127.0.0.1:6379", "redis://"),
        ("redis://", "主机名"),
        ("redis://:pa#ss@host:6379", "端口"),
        ("redis://host:99999", "端口"),
        ("redis://host/first", "库号"),
        ("redis://host/0?nam=x", "nam"),
        ("amqp://:secret@/", "主机名"),
        ("amqp://host/?name=x&prefetch=3", "prefetch"),
    ],
)
def test_addresses_that_are_refused(url: str, says: str) -> None:
    fault = courier_fault(url)
    assert says in fault
    assert "secret" not in fault
    with pytest.raises(ValueError, match=says):
        open_courier(url)


def test_an_installation_is_known_by_its_database() -> None:
    one = installation_name("postgresql+asyncpg://bot:secret@db.internal:5432/qianshao")
    assert one == installation_name("postgresql+asyncpg://other:pass@db.internal:5432/qianshao")
    assert one != installation_name("postgresql+asyncpg://bot:secret@db.internal:5432/other")


def test_no_engine_is_imported_before_it_is_chosen() -> None:
    check = (
        "import sys; from storage.courier import open_courier; open_courier('memory://');"
        "print([m for m in ('redis', 'taskiq', 'aio_pika') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
