"""Our own message limits, known before a call: WeCom drops what is over its limits without an error (§1.4)."""

from __future__ import annotations

from collections.abc import Sequence

from cards.door import Retry
from domain.fleet import Budgets, Hit, Over, Window

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MEMBER_PER_MINUTE = 25  # the platform's 30, less a margin for clocks and for other senders of this app
MEMBER_PER_HOUR = 900  # of 1,000
GROUP_PER_MINUTE = 100  # into one group
MEMBER = (Window(MEMBER_PER_MINUTE, MINUTE, 30), Window(MEMBER_PER_HOUR, HOUR, 1_000))
GROUP = Window(GROUP_PER_MINUTE, MINUTE, 120)
GROUPS_TO_MEMBER: tuple[Window, ...] = (  # from all groups of the app; dropped in silence
    Window(180, MINUTE, 200),
    Window(9_000, DAY, 10_000),
)
PERSON_TIMES = (Window(18_000, MINUTE, 20_000), Window(135_000, HOUR, 150_000))  # for the smallest corps
SPANS = {MINUTE: "分钟", HOUR: "小时", DAY: "天"}


class SendLimits:
    """Counts the messages of one app to each member and group, and in a day."""

    def __init__(self, budgets: Budgets, app: str, *, corp: str = "", daily: int = 0) -> None:
        self._budgets = budgets
        self._app = app
        self._corp = corp or app
        self._daily = Window(daily, DAY) if daily else None

    async def take_member(self, user_id: str, messages: int = 1) -> None:
        """Raises Retry without counting anything when these messages would be over a limit."""
        hits = [Hit(f"{self._app}/member/{user_id.casefold()}", window, messages) for window in MEMBER]
        if self._daily:
            hits.append(Hit(f"{self._app}/all", self._daily, messages))
        await self._take(hits)

    async def take_group(self, chat_id: str, messages: int = 1, *, members: Sequence[str] = ()) -> None:
        """A message into a group is one to each of its members, and as many person-times of the corp (§1.4)."""
        hits = [Hit(f"{self._app}/group/{chat_id}", GROUP, messages)]
        for user in members:
            key = f"{self._app}/groups/{user.casefold()}"
            hits += [Hit(key, window, messages) for window in GROUPS_TO_MEMBER]
        times = messages * len(members)
        if times:
            # One text may cost more than a whole window; it then needs an empty one.
            key = f"{self._corp}/person-times"
            hits += [Hit(key, window, min(times, window.amount)) for window in PERSON_TIMES]
        await self._take(hits)

    async def _take(self, hits: Sequence[Hit]) -> None:
        over = await self._budgets.take(hits)
        if over is not None:
            raise _retry(over)


def _retry(over: Over) -> Retry:
    window = over.hit.window
    text = f"发得太密（每{SPANS[window.seconds]} {window.amount} 条），稍后再发"
    return Retry(text, code="own_limit", retry_after=over.seconds)
