"""China's holidays and make-up days, from a kept library and the settings, as plain sets in the policies.

The library is read with the settings, and only when a rule counts working time (it takes half a second to load):
what it says is part of the policies and of their version, so new make-up days put every open order before the rules
again. When it fails, weekdays are worked and the log says so: a light must never wait for a calendar.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

from bot.logs import log
from domain.policy import Policies
from domain.sla import Counting

YEARS = range(2020, 2041)


def with_holidays(policies: Policies) -> Policies:
    """The settings' own days win over the library's, in both directions."""
    if not any(rule.calendar is Counting.WORKING for rule in policies.sla.rules):
        return policies
    written = policies.sla.calendar
    free, worked = known_days()
    calendar = replace(
        written,
        holidays=frozenset(free - written.workdays) | written.holidays,
        workdays=frozenset(worked - written.holidays) | written.workdays,
    )
    return replace(policies, sla=replace(policies.sla, calendar=calendar))


@cache
def known_days() -> tuple[frozenset[date], frozenset[date]]:
    """(holidays, make-up days) that the library knows."""
    try:
        from holidays import country_holidays

        china = country_holidays("CN", years=YEARS)
        worked = frozenset(day for day in china.weekend_workdays if day.year in YEARS)
        return frozenset(china) - worked, worked
    except Exception:  # noqa: BLE001 - whatever is wrong with the library, lights must burn
        log.exception("the holiday calendar cannot be read: weekdays are worked, holidays are not known")
        return frozenset(), frozenset()
