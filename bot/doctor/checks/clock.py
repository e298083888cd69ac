"""时钟: ours beside the far systems', by the Date header of their answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

from yarl import URL

from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from bot.doctor.web import Unreachable, fetch

ORDER = 70
WORTH_MENTION = timedelta(seconds=30)
TOO_FAR = timedelta(minutes=5)
_NAMES = {"wecom": "企业微信", "dingtalk": "钉钉"}
_SYNC = "校准本机时间：timedatectl set-ntp true"


@dataclass(frozen=True)
class Far:
    name: str
    url: URL
    proxy: str = ""


def subjects(exam: Exam) -> list[tuple[str, Far]]:
    """Each address once, however many apps and shops share it."""
    found: dict[URL, Far] = {}
    named = [(_NAMES.get(door.platform, door.platform), door.values) for door in exam.settings.doors]
    named += [(f"店铺 {shop.code}", shop.values) for shop in exam.settings.shops]
    for name, values in named:
        base = getattr(values, "api_base", "")
        if base:
            found.setdefault(URL(base), Far(name, URL(base), getattr(values, "egress_proxy", "")))
    return [("时钟", far) for far in found.values()]


@check("本机时间")
async def skew(exam: Exam, far: Far) -> Verdicts:
    """The header knows whole seconds only, which is enough for the limits."""
    try:
        page = await fetch(exam, far.url, proxy=far.proxy)
        theirs = parsedate_to_datetime(page.headers.get("Date", ""))
    except Unreachable as error:
        return note(f"{far.name} 没法比对：{error}")
    except ValueError:
        return note(f"{far.name} 没法比对：应答里没有时间")
    return judge_skew(far.name, exam.clock.now() - theirs)


def judge_skew(name: str, ours_ahead: timedelta) -> Verdict:
    seconds = round(abs(ours_ahead).total_seconds())
    how_much = f"{seconds // 60} 分 {seconds % 60} 秒" if seconds >= 60 else f"{seconds} 秒"
    text = f"比{name}{'快' if ours_ahead > timedelta() else '慢'} {how_much}"
    if abs(ours_ahead) > TOO_FAR:
        return bad(f"{text}，签名和令牌会被拒绝。{_SYNC}")
    if abs(ours_ahead) > WORTH_MENTION:
        return note(f"{text}。{_SYNC}")
    return good(f"和{name}一致")
