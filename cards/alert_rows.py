"""Pages of alerts, as folded cards and 预警 show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cards.action import Action
from cards.alert import LIGHTS, MINUTE, name_of
from cards.model import Button, Field
from cards.scene import Scene
from domain.alert import Alert, alert_subject
from domain.alert_rules import Level, words_for
from domain.chat import SubjectRef
from domain.money import Money

PER_PAGE = 4  # what a phone shows of the text, and buttons beside paging and 全部认领
MOST_PEOPLE = 30


@dataclass(frozen=True)
class Page:
    """`number` from 0; a page behind the last is the first again."""

    alerts: Sequence[Alert]
    number: int
    pages: int


def page_of(alerts: Sequence[Alert], text: str) -> Page:
    pages = max(1, -(-len(alerts) // PER_PAGE))
    number = int(text) % pages if text.isdecimal() else 0
    return Page(alerts[number * PER_PAGE : (number + 1) * PER_PAGE], number, pages)


def lines(scene: Scene, page: Page) -> tuple[str, ...]:
    first = page.number * PER_PAGE + 1
    return tuple(_line(scene, first + n, alert) for n, alert in enumerate(page.alerts))


def _line(scene: Scene, number: int, alert: Alert) -> str:
    now = scene.clock.now()
    if alert.subject.type == "shop":
        what = f"{alert.label[:8]} {alert.title}"
    else:
        late = now >= alert.red_at
        span = words_for(now - alert.red_at if late else alert.red_at - now).replace(" ", "")
        when = "刚超时" if late and now - alert.red_at < MINUTE else f"{'超' if late else '剩'}{span}"
        what = f"…{alert.label[-6:]} {when} {alert.amount}"
    owner = f" {name_of(scene, alert.owner)[:4]}" if alert.owner else ""
    silent = "（静默）" if alert.snoozed(now) else ""
    return f"{number}. {LIGHTS[alert.level].value}{what}{owner}{silent}"


def openers(page: Page) -> tuple[Button, ...]:
    """One button a row: its own card."""
    first = page.number * PER_PAGE + 1
    return tuple(_opener(first + n, alert) for n, alert in enumerate(page.alerts))


def _opener(number: int, alert: Alert) -> Button:
    tail = alert.label[-4:] if alert.order_id else alert.title[:4]
    return Button(
        f"{number}. …{tail}"[:10],
        Action("alert.open", alert_subject(alert.number)).encode(),
        f"预警 {alert.number}",
    )


def turner(page: Page, subject: SubjectRef, command: str) -> tuple[Button, ...]:
    """To the next page, from the last to the first; none when there is one page."""
    if page.pages == 1:
        return ()
    following = (page.number + 1) % page.pages
    action = Action("alerts.page", subject, 0, (str(following),))
    return (Button(f"下一页 {page.number + 1}/{page.pages}"[:10], action.encode(), command),)


def sums(alerts: Sequence[Alert]) -> tuple[Field, ...]:
    """How many, how much money, how many are taken."""
    red = sum(alert.level is Level.RED for alert in alerts)
    taken = sum(bool(alert.owner) for alert in alerts)
    counts = [f"红灯 {red}"] if red else []
    counts += [f"黄灯 {len(alerts) - red}"] if len(alerts) > red else []
    return (
        Field("数量", "，".join(counts) or "0"),
        Field("金额", money(alerts)),
        Field("已认领", f"{taken} / {len(alerts)}"),
    )


def money(alerts: Sequence[Alert]) -> str:
    """The sum in each currency; orders under two rules count once."""
    each = {(alert.subject, alert.amount.currency): alert.amount.minor for alert in alerts}
    totals: dict[str, int] = {}
    for (_, currency), minor in each.items():
        totals[currency] = totals.get(currency, 0) + minor
    return (
        "，".join(str(Money(minor, currency)) for currency, minor in sorted(totals.items()) if minor) or "—"
    )
