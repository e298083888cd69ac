"""How a shop's pull goes over from one state to the next: success, failure, rest, pause. Pure rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from domain.ports import AuthExpired, PermissionMissing, ShopError
from domain.sync import ShopSync
from domain.sync_policy import SyncPolicy

HOUR = timedelta(hours=1)
_NO_MARK = "-"
_MOST_KEPT = 100  # failures of the last hour that are remembered one by one


def may_try(state: ShopSync, mark: str, now: datetime) -> bool:
    """Not while it rests, waits for its next try, or is paused under these very settings (`mark`)."""
    if state.paused and state.paused == (mark or _NO_MARK):
        return False
    return state.next_try is None or state.next_try <= now


def read_up_to(state: ShopSync, end: datetime, now: datetime) -> ShopSync:
    """A whole window was read. The cursor never goes back: another run may have come further, and then there is
    nothing to say."""
    if state.cursor is not None and state.cursor >= end and not state.failures and not state.paused:
        return state
    cursor = end if state.cursor is None else max(end, state.cursor)
    return replace(answered(state, now), cursor=cursor)


def answered(state: ShopSync, now: datetime) -> ShopSync:
    """The shop works."""
    return replace(
        state,
        tried_at=now,
        succeeded_at=now,
        failures=0,
        failed_at=_recent(state.failed_at, now),
        next_try=None,
        resting=False,
        last_error="",
        paused="",
    )


def failed(state: ShopSync, error: Exception, mark: str, now: datetime, policy: SyncPolicy) -> ShopSync:
    """Try again in `retry` a few times, then rest for longer and longer; a shop that names its wait gets it.

    An ended authorisation pauses the shop until the settings are others.
    """
    failures = state.failures + 1
    wait = _wait(failures, policy)
    if isinstance(error, ShopError) and error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    ended = isinstance(error, AuthExpired | PermissionMissing)
    return replace(
        state,
        tried_at=now,
        failures=failures,
        failed_at=(*_recent(state.failed_at, now), now)[-_MOST_KEPT:],
        next_try=now + wait,
        resting=failures > policy.retries or wait > policy.rest,
        last_error=(str(error) or type(error).__name__)[:300],
        paused=(mark or _NO_MARK) if ended else "",
    )


def failures_last_hour(state: ShopSync, now: datetime) -> int:
    return len(_recent(state.failed_at, now))


def is_stale(state: ShopSync, now: datetime, policy: SyncPolicy) -> bool:
    """Whether what we know of this shop's orders may be out of date; a shop never pulled is not ours to judge."""
    return state.cursor is not None and now - state.cursor > policy.stale_after


def _wait(failures: int, policy: SyncPolicy) -> timedelta:
    if failures <= policy.retries:
        return policy.retry
    doublings = min(failures - policy.retries - 1, 20)
    rest: timedelta = policy.rest * float(2**doublings)
    return min(policy.longest_rest, rest)


def _recent(moments: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    return tuple(moment for moment in moments if now - HOUR < moment <= now)
