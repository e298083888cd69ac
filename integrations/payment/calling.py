"""What every call to a provider goes through: pace, break, retry (platforms.md §10 middleware)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import aiohttp
import stamina

from domain.fleet import Commons, Outcome, Resting, Rule, Window, guarded
from domain.payment import BillNotReady, PaymentDenied, PaymentError, PaymentThrottled, PaymentUnknown
from integrations.pacing import Pace, TooFast

T = TypeVar("T")
ATTEMPTS = 4
RETRY_SECONDS = 60.0
LONGEST_WAIT = 5.0  # a provider that asks for more is left to the caller
PATIENCE_SECONDS = 8.0  # for our own pace
RULE = Rule(failures=5, seconds=30.0)
SKEW_WORTH_MINDING = timedelta(seconds=2)  # a Date header knows whole seconds only
# Answers of a provider that works: they say nothing about its health.
_HEALTHY = (PaymentThrottled, PaymentDenied, BillNotReady)


class Final(PaymentError):
    """The provider understood and said no; it is well."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)


class Paused(PaymentError):
    """The breaker is open: the provider failed again and again, so it is left alone for a while."""


class Queued(PaymentThrottled):
    """Our own pace: nothing was asked, and there is no room for some seconds."""


class ClockSkew(PaymentError):
    """The provider did not like our time; its answer's Date header has just corrected it. Nothing was done."""


def _retry_pause(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds when the provider said so."""
    if isinstance(error, ClockSkew):
        return 0.0
    if (
        not isinstance(error, PaymentError)
        or error.final
        or isinstance(error, BillNotReady | Paused | Queued)
    ):
        return False
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_WAIT else False
    return True


def _no_write_in_doubt(error: Exception) -> bool | float:
    """Only what surely did nothing may be said again."""
    return _retry_pause(error) if isinstance(error, PaymentThrottled | ClockSkew) else False


def _judge(error: BaseException) -> Outcome:
    if not isinstance(error, PaymentError):
        return Outcome.NEITHER
    return Outcome.WORKED if isinstance(error, (*_HEALTHY, Final, ClockSkew)) else Outcome.FAILED


class Line:
    """The line to one account: one budget of calls a second, one breaker, the provider's clock."""

    def __init__(self, key: str, name: str, commons: Commons, per_second: int) -> None:
        self._pace = Pace(commons.budgets, Window(max(1, per_second), 1.0), PATIENCE_SECONDS)
        self._rests = commons.rests
        self._key = f"payment/{key}"
        self._name = name
        self._trouble = ""  # what the last failure was, as far as this process met it
        self.offset = timedelta()

    async def run(self, call: Callable[[], Awaitable[T]], *, once: bool = False) -> T:
        """Try until it works or is final. `once`: a write whose outcome may be in doubt is not said twice."""
        async for attempt in stamina.retry_context(
            on=_no_write_in_doubt if once else _retry_pause,
            attempts=ATTEMPTS,
            timeout=RETRY_SECONDS,
            wait_initial=0.2,
            wait_max=3.0,
        ):
            with attempt:
                return await self._guarded(call)
        raise AssertionError("the retry loop either returns or raises")

    async def _guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            await self._pace.turn(self._key)
        except TooFast as error:
            raise Queued(f"{self._name}的调用排队太长，稍后自动再试", retry_after=error.seconds) from None
        try:
            async with guarded(self._rests, f"payment:{self._key.partition('/')[2]}", RULE, _judge):
                return await self._sent(call)
        except Resting:
            last = f"（最近一次：{self._trouble}）" if self._trouble else ""
            raise Paused(f"{self._name}接口连续出错，已暂停调用，半分钟后自动恢复{last}") from None

    async def _sent(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._answered(call)
        except PaymentError as error:
            self._trouble = str(error)
            raise

    async def _answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """What breaks on the way, in our own words."""
        try:
            return await call()
        except aiohttp.ClientConnectorError as error:
            raise PaymentError(f"连不上{self._name}接口：请检查网络和 api_base") from error
        except TimeoutError as error:
            raise PaymentUnknown(f"{self._name}没有按时应答，结果未知") from error
        except aiohttp.ClientError as error:
            raise PaymentUnknown(f"与{self._name}的连接中断，没有收到完整的应答，结果未知") from error

    def learn_time(self, header: str, now: datetime) -> None:
        """Sign with the provider's time when ours is off (platforms.md §11.6)."""
        try:
            theirs = parsedate_to_datetime(header)
        except ValueError:
            return
        offset = theirs - now
        self.offset = offset if abs(offset) > SKEW_WORTH_MINDING else timedelta()
