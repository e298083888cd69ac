"""Budgets of the whole fleet in Redis, and what each process may spend of them while Redis is away (docs/limits.md).

Three things make the counts of Redis unsure: it cannot be reached; it began anew (restarted empty, flushed) less than a
window ago; nobody had reached it for longer than a window, so that shares may have been spent that it knows nothing of.
Then only the reserve between our budget and the platform's limit is spent, a part by each process and counted by each
for itself, so that no loss and no return can add up to more. Every process makes itself heard each second (`beat`), so
that all learn of a loss and of a return at the same time, and a quiet night is no gap.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from domain.fleet import Hit, Over, Window
from domain.fleet_budgets import MovingWindows, reserve, share, shared_amount, unsure_for
from storage.commons_link import Away, Link
from storage.errors import StorageUnavailable
from storage.secrets import DataKeys

LONGEST_WAIT = (
    60.0  # seconds: while unsure, come again sooner than a day's window ends, for Redis may be back
)
AT_A_TIME = 400  # hits: Redis does nothing else meanwhile; a large group may be counted in part and then wait
AT_ONCE, ASK = "0", ""  # what a Redis without a birth mark is: sure (nothing was ever sent) | to be found out

# Each window is a hash of 60 slots; a slot that is partly out of the window counts wholly.
# Marks: `all` the birth of the data, `seen` when somebody was heard last, `gap` the end of the last silence, and by a
# window's seconds since when its counts are whole.
# KEYS: marks, then one a hit. ARGV: now ('' = the server's), birth ('' = say if there is none, 'now', '0'),
# how many resets, their windows, then for each hit: amount, seconds, cost, unsure for (s), whether we have a reserve.
_TAKE = """
local now = tonumber(ARGV[1])
if not now then local t = redis.call('TIME'); now = t[1] + t[2] / 1000000 end
local stamp = string.format('%.6f', now)
local marks = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do marks[flat[i]] = flat[i + 1] end
local function mark(name, value)
  marks[name] = value
  redis.call('HSET', KEYS[1], name, value)
end
if not marks['all'] then
  if ARGV[2] == '' then return {'unborn'} end
  mark('all', ARGV[2] == 'now' and stamp or ARGV[2])
end
local silence = marks['seen'] and now - tonumber(marks['seen']) or 0
if silence >= 5 then
  for i = 1, #flat, 2 do
    local span = tonumber(flat[i])
    if span and span <= silence then mark(flat[i], stamp) end
  end
  mark('gap', stamp)
end
mark('seen', stamp)
local resets = tonumber(ARGV[3])
for i = 1, resets do mark(ARGV[3 + i], stamp) end

local slots, unsure = {}, {}
for i = 2, #KEYS do
  local at = 3 + resets + (i - 2) * 5
  local amount, cost, settled = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local seconds, slot = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 2]) / 60
  local span = ARGV[at + 2]
  if not marks[span] then mark(span, marks['gap'] or '0') end
  local since = math.max(tonumber(marks['all']), tonumber(marks[span]))
  unsure[i - 1] = now - since < settled and 1 or 0
  if unsure[i - 1] == 1 and ARGV[at + 5] == '0' then
    return {'unsure', i - 2, tostring(since + settled - now)}
  end
  local first, sum, live, gone = math.floor((now - seconds) / slot), 0, {}, {}
  local all = redis.call('HGETALL', KEYS[i])
  for j = 1, #all, 2 do
    local index = tonumber(all[j])
    if index >= first then
      sum = sum + tonumber(all[j + 1])
      live[#live + 1] = {index, tonumber(all[j + 1])}
    else
      gone[#gone + 1] = all[j]
    end
  end
  if #gone > 0 then redis.call('HDEL', KEYS[i], unpack(gone)) end
  local missing = sum + cost - amount
  if missing > 0 then
    local wait = seconds
    table.sort(live, function(a, b) return a[1] < b[1] end)
    for _, one in ipairs(live) do
      missing = missing - one[2]
      if missing <= 0 then wait = (one[1] + 1) * slot + seconds - now; break end
    end
    return {'over', i - 2, tostring(wait)}
  end
  slots[i] = {string.format('%d', math.floor(now / slot)), cost, math.ceil(seconds * 1000 * 62 / 60) + 1000}
end
for i, one in pairs(slots) do
  redis.call('HINCRBY', KEYS[i], one[1], one[2])
  redis.call('PEXPIRE', KEYS[i], one[3])
end
return {'ok', unsure}
"""

log = structlog.get_logger(__name__)


class SharedBudgets:
    """`replicas` living processes that send; `untried` whether the installation has never sent anything, asked when
    Redis has no birth mark. `server_now` stands in for Redis's own clock in tests."""

    def __init__(
        self,
        link: Link,
        prefix: str,
        keys: DataKeys,
        replicas: Callable[[], int],
        untried: Callable[[], Awaitable[bool]],
        *,
        now: Callable[[], float] = time.monotonic,
        server_now: Callable[[], float] | None = None,
    ) -> None:
        self._link = link
        self._prefix = prefix
        self._keys = keys
        self._untried = untried
        self._script = link.redis.register_script(_TAKE)
        self._now = now
        self._server_now = server_now
        self._spare = MovingWindows()  # what we took of the reserve, however we came to it
        self._shares = MovingWindows()
        self._unseen: dict[float, float] = {}  # by a window's seconds: when we last spent of a share
        self._peak = _Peak(replicas)

    async def take(self, hits: Sequence[Hit]) -> Over | None:
        self._peak.note(self._now())
        for start in range(0, len(hits), AT_A_TIME):
            over = await self._some(hits[start : start + AT_A_TIME])
            if over is not None:
                return over
        return None

    async def beat(self) -> None:
        """Be heard, and learn whether Redis is there. Raises Away."""
        self._peak.note(self._now())
        await self._ask((), ASK)

    async def _some(self, hits: Sequence[Hit]) -> Over | None:
        try:
            return await self._together(hits)
        except Away:
            return self._by_ourselves(hits)

    async def _together(self, hits: Sequence[Hit]) -> Over | None:
        """Counted by Redis, in one step for all windows."""
        answer = await self._ask(hits, ASK)
        if answer[0] == "unborn":
            answer = await self._ask(hits, await self._birth())
        if answer[0] == "ok":
            return self._spend_reserve([hit for hit, unsure in zip(hits, answer[1], strict=True) if unsure])
        hit, wait = hits[int(answer[1])], float(answer[2])
        if answer[0] == "unsure":
            wait = min(wait, self._reserve_wait(hit) or LONGEST_WAIT, LONGEST_WAIT)
        return Over(hit, max(wait, 0.05))

    async def _ask(self, hits: Sequence[Hit], birth: str) -> Any:
        resets = self._to_tell()
        now = "" if self._server_now is None else f"{self._server_now():.6f}"
        given: list[str | int] = [now, birth, len(resets), *map(_text, resets)]
        for hit in hits:
            window = hit.window
            settled, spare = unsure_for(window), int(self._reserve_wait(hit) == 0)
            given += [shared_amount(window), _text(window.seconds), hit.cost, _text(settled), spare]
        names = [f"{self._prefix}:born", *(self._name(hit) for hit in hits)]

        async def ask(redis: Redis) -> Any:
            return await self._script(names, given, redis)

        answer = await self._link.run(ask)
        if answer[0] != "unborn":
            for seconds in resets:
                self._unseen.pop(seconds, None)
        return answer

    def _to_tell(self) -> list[float]:
        """Windows of which we lately spent without Redis: the counts it has are unsure until they have passed."""
        now = self._now()
        return sorted(s for s, last in self._unseen.items() if now - last < unsure_for(Window(1, s)))

    async def _birth(self) -> str:
        """Redis is empty. Is this the very beginning, or has it lost what it knew?"""
        try:
            untried = await self._untried()
        except StorageUnavailable:
            untried = False
        if not untried:
            log.warning("Redis began anew: sending slowly until a window has passed")
        return AT_ONCE if untried else "now"

    def _spend_reserve(self, hits: Sequence[Hit]) -> Over | None:
        now = self._now()
        for hit in hits:
            wait = self._reserve_wait(hit)
            if wait:
                return Over(hit, min(wait, LONGEST_WAIT))
        for hit in hits:
            self._spare.count(hit.key, hit.window, hit.cost, now)
        return None

    def _reserve_wait(self, hit: Hit) -> float:
        """Seconds until our part of the reserve has room for this, 0 now."""
        part = Window(reserve(hit.window) // self._peak.now, hit.window.seconds)
        return self._spare.wait(hit.key, part, hit.cost, self._now())

    def _by_ourselves(self, hits: Sequence[Hit]) -> Over | None:
        """Without Redis: the reserve until a window has passed, then our share of the budget."""
        now = self._now()
        away = now - self._link.away_since if self._link.away_since is not None else 0.0
        fresh = [hit for hit in hits if away < unsure_for(hit.window)]
        shares = [
            (hit, share(hit.window, self._peak.most(now, unsure_for(hit.window))))
            for hit in hits
            if away >= unsure_for(hit.window)
        ]
        for hit, part in shares:
            wait = self._shares.wait(hit.key, part, hit.cost, now)
            if wait:
                return Over(hit, min(wait, LONGEST_WAIT))
        for hit in fresh:
            wait = self._reserve_wait(hit)
            if wait:
                return Over(hit, min(wait, unsure_for(hit.window) - away, LONGEST_WAIT))
        for hit, part in shares:
            self._shares.count(hit.key, part, hit.cost, now)
            self._unseen[hit.window.seconds] = now
        self._spend_reserve(fresh)
        return None

    def _name(self, hit: Hit) -> str:
        return f"{self._prefix}:window:{_text(hit.window.seconds)}:{self._keys.mark(hit.key)}"


def _text(seconds: float) -> str:
    return f"{seconds:.9g}"


class _Peak:
    """How many processes there were at most lately: what one that has gone sent still counts for a window."""

    def __init__(self, replicas: Callable[[], int]) -> None:
        self._replicas = replicas
        self._seen: list[tuple[float, int]] = []  # since when, how many
        self.now = 1

    def note(self, now: float) -> None:
        count = self.now = max(1, self._replicas())
        if not self._seen or self._seen[-1][1] != count:
            self._seen.append((now, count))
            del self._seen[:-100]

    def most(self, now: float, seconds: float) -> int:
        """Over the last `seconds`: every number that was still so after their beginning."""
        ends = [since for since, _ in self._seen[1:]] + [now]
        return max(count for (_, count), end in zip(self._seen, ends, strict=True) if end >= now - seconds)
