"""Rests of far systems in Redis: opened by one process, open for all; one probe for the whole fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from redis.asyncio import Redis

from domain.clock import Clock
from domain.fleet import Admission, Outcome, Rule
from domain.fleet_rests import RestsAlone, RestState, entered, left, shut
from storage.commons_link import Away, Link

TRIES = 20  # of a change that others change at the same time
FORGOTTEN_SECONDS = 86_400.0  # a target that nobody called for so long is shown no more

# Change a field only while it is what we read; both empty for "not there".
_SWAP = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""

Change = Callable[[RestState | None], tuple[Any, RestState | None]]


class SharedRests:
    """One hash with a field a target. While Redis is away each process goes by what it sees itself."""

    def __init__(self, link: Link, prefix: str, clock: Clock) -> None:
        self._link = link
        self._name = f"{prefix}:rests"
        self._clock = clock
        self._alone = RestsAlone(clock)

    async def enter(self, target: str) -> Admission:
        try:
            found: Admission = await self._change(target, lambda state: entered(state, self._now()))
        except Away:
            return await self._alone.enter(target)
        return found

    async def leave(self, target: str, rule: Rule, admission: Admission, outcome: Outcome) -> None:
        if admission.clean and outcome is not Outcome.FAILED:
            return  # nothing to change for a healthy target
        try:
            await self._change(
                target, lambda state: (None, left(state, rule, admission, outcome, self._now()))
            )
        except Away:
            await self._alone.leave(target, rule, admission, outcome)

    async def shut(self, target: str, ladder: Sequence[float]) -> float:
        try:
            seconds: float = await self._change(target, lambda state: shut(state, ladder, self._now()))
        except Away:
            return await self._alone.shut(target, ladder)
        return seconds

    async def resting(self) -> Mapping[str, float]:
        try:
            found = await self._link.run(lambda redis: redis.hgetall(self._name))
        except Away:
            return await self._alone.resting()
        now = self._now()
        states = {str(target): _decode(str(text)) for target, text in found.items()}
        return {
            target: max(0.0, state.until - now)
            for target, state in states.items()
            if state is not None and state.until and state.until > now - FORGOTTEN_SECONDS
        }

    async def _change(self, target: str, change: Change) -> Any:
        async def attempt(redis: Redis) -> tuple[bool, Any]:
            before = await redis.hget(self._name, target) or ""
            answer, state = change(_decode(str(before)))
            after = _encode(state)
            if after == before:
                return True, answer
            return bool(await redis.eval(_SWAP, 1, self._name, target, before, after)), answer

        for _ in range(TRIES):
            done, answer = await self._link.run(attempt)
            if done:
                return answer
        raise Away  # so busy that nobody gets through: by ourselves this once

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _encode(state: RestState | None) -> str:
    return orjson.dumps(asdict(state)).decode() if state is not None else ""


def _decode(text: str) -> RestState | None:
    """What another version wrote and we cannot read is as if it were not there."""
    if not text:
        return None
    try:
        return RestState(**orjson.loads(text))
    except (TypeError, ValueError):
        return None
