"""Who gets which digest, and when (`policies.digest`)."""

from __future__ import annotations

from dataclasses import dataclass

from domain.staff import Role


@dataclass(frozen=True)
class DigestPolicy:
    """`roles` get the digest unless they 退订; anybody may 订阅. `top` things are put first on the card, and what
    changed by less than `quiet_change` (a share, against the same weekday a week before) is not news. The time
    of day is the schedule of the job (`jobs.digest.cron`)."""

    roles: frozenset[Role] = frozenset({Role.SUPERVISOR, Role.FINANCE, Role.WAREHOUSE})
    top: int = 3
    quiet_change: float = 0.1
    chart_days: int = 14

    def __post_init__(self) -> None:
        if not 1 <= self.top <= 5:
            raise ValueError("top 要在 1 到 5 之间")
        if not 2 <= self.chart_days <= 31:
            raise ValueError("chart_days 要在 2 到 31 之间")
