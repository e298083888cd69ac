"""What this month has cost so far: API calls and messages, both with a monthly quota (dingtalk.md §0 no. 5)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from domain.clock import Clock, shanghai

FREE = frozenset({"/v1.0/oauth2/accessToken", "/v1.0/gateway/connections/open"})  # on the exempt list


@dataclass
class Usage:
    """Counted in memory for the metrics, from the start of the process; starts again with each month.

    `calls` by endpoint, `messages` by kind: `in:<kind>` for frames and pushes, `out:<kind>` for what was sent.
    Whether session replies and card taps cost a message is not documented: they are counted (§14 row 8).
    """

    clock: Clock
    month: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)

    def count_call(self, endpoint: str) -> None:
        self._turn()
        if endpoint not in FREE:
            self.calls[endpoint] += 1

    def count_message(self, kind: str) -> None:
        self._turn()
        self.messages[kind] += 1

    def totals(self) -> tuple[int, int]:
        """Calls and messages of the present month."""
        self._turn()
        return self.calls.total(), self.messages.total()

    def _turn(self) -> None:
        month = shanghai(self.clock.now()).strftime("%Y-%m")
        if month != self.month:
            self.month = month
            self.calls.clear()
            self.messages.clear()
