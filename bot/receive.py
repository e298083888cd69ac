"""Persist, then acknowledge (DESIGN.md §3.1): the one way in for HTTP callbacks and Stream frames."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from bot.admission import Admission, NotAdmitted, NotInTime
from bot.metrics import Metrics
from bot.quiet import Quiet
from cards.action import BadAction, decode
from cards.door import Verified

STREAM_SECONDS = 1.6  # a tap's answer over Stream is waited for 2 s (dingtalk.md §4)
_names = random.Random()


class InboxWriter(Protocol):
    async def put(
        self,
        platform: str,
        app: str,
        kind: str,
        key: str,
        payload: bytes,
        trace_id: str,
        *,
        lane: str,
        subject: str,
    ) -> bool: ...


def new_trace() -> str:
    """16 hex digits that follow one message from its callback to its last delivery. A name, not a secret."""
    return f"{_names.getrandbits(64):016x}"


def lane_of(platform: str, app: str, item: Verified) -> str:
    """What one person says and taps is handled in order. Platforms do not keep the case of user ids."""
    return f"{platform}:{app}:{item.sender.casefold()}" if item.sender else ""


def subject_of(item: Verified) -> str:
    """What a tapped button is about: two people's taps on one approval are handled one after the other."""
    if not item.action:
        return ""
    try:
        subject = decode(item.action).subject
    except BadAction:
        return ""
    return f"{subject.type}:{subject.id}"


@dataclass(frozen=True)
class Receiver:
    """`receive` returns once the item is safe on disk; when storage fails its error goes up and nothing
    may be acknowledged, so that the platform sends it again."""

    inbox: InboxWriter
    metrics: Metrics
    quiet: Quiet = field(default_factory=Quiet)
    admission: Admission = field(default_factory=Admission)

    async def receive(
        self,
        platform: str,
        app: str,
        item: Verified,
        started: float | None = None,
        within: float = STREAM_SECONDS,
    ) -> bool:
        """Keep a verified item; False when it was already here. `started`: `perf_counter()` at arrival; `within`
        seconds of it the platform must have its answer, or it is not given one."""
        began = perf_counter() if started is None else started
        try:
            with self.quiet.arrival(), self.admission.seat():
                async with asyncio.timeout(began + within - perf_counter()):
                    fresh = await self.inbox.put(
                        platform,
                        app,
                        item.kind,
                        item.key,
                        item.payload,
                        new_trace(),
                        lane=lane_of(platform, app, item),
                        subject=subject_of(item),
                    )
        except NotAdmitted as error:
            self.metrics.refused.labels(platform, error.reason).inc()
            raise
        except TimeoutError as error:
            self.metrics.unstored.labels(platform).inc()
            raise NotInTime(f"not stored within {within:g} s") from error
        except Exception:
            self.metrics.unstored.labels(platform).inc()
            raise
        if fresh:
            self.admission.stored += 1
        else:
            self.metrics.duplicates.labels(platform).inc()
        self.metrics.acknowledge.labels(platform).observe(perf_counter() - began)
        return fresh
