"""Which failed attempts are known to have sent nothing: their repetition needs no duplicate check.

The check (wecom.md §4.9) would swallow a message that only looks like an earlier one, so it is switched on
only where something may have been sent: after an unknown outcome, or when we don't know (a restart,
another replica).
"""

from __future__ import annotations

from collections import OrderedDict

MOST = 2000  # outbox keys remembered


class CleanAttempts:
    """The last attempt of an outbox key, while every attempt so far is known to have sent nothing."""

    def __init__(self) -> None:
        self._clean: OrderedDict[str, int] = OrderedDict()

    def must_check(self, key: str, attempt: int) -> bool:
        return attempt > 1 and self._clean.get(key) != attempt - 1

    def note(self, key: str, attempt: int, *, clean: bool) -> None:
        self._clean.pop(key, None)
        if clean:
            self._clean[key] = attempt
            if len(self._clean) > MOST:
                self._clean.popitem(last=False)
