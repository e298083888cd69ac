"""钉钉, one group an app: secret, Stream or callback, card template, permissions, contacts (dingtalk.md §13)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from yarl import URL

from bot.doctor import stream_figures
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from bot.doctor.web import Unreachable, fetch, why_not_running
from domain.staff import Staff
from integrations.chat.dingtalk.answers import CONSOLE, ApiError, Kind
from integrations.chat.dingtalk.door import DingTalkDoor
from integrations.chat.dingtalk.probes import Finding as Probe
from integrations.chat.dingtalk.settings import DingTalkSettings

ORDER = 40
PLATFORM = "dingtalk"
_MEND_CARD = (
    "在 open-dev.dingtalk.com/fe/card 导入 deploy/dingtalk 里的模板，发布后把模板 ID 填进 card_template_id"
)
_UNSEEN = frozenset({"50002", "50004"})
_UNKNOWN = frozenset({"60121", "33012"})
_KEY_CHARS = 43


@dataclass(frozen=True)
class App:
    name: str
    settings: DingTalkSettings
    door: DingTalkDoor


def subjects(exam: Exam) -> list[tuple[str, App]]:
    found = []
    for door in exam.settings.doors:
        if door.platform == PLATFORM and isinstance(door.values, DingTalkSettings):
            built = DingTalkDoor(door.app, door.values, exam.session, exam.clock)
            found.append((f"钉钉 {door.app}", App(door.app, door.values, built)))
    return found


async def _token(exam: Exam, app: App) -> Probe:
    return await exam.once(f"dingtalk token {app.name}", app.door.probe_token)


async def _not_yet(exam: Exam, app: App) -> Verdict | None:
    try:
        passed, _ = await _token(exam, app)
    except TimeoutError:
        return note("钉钉没有应答，没法检查")
    return None if passed else note("先解决 access token，再来检查")


@check("access token")
async def token(exam: Exam, app: App) -> Verdicts:
    passed, text = await _token(exam, app)
    return good(text) if passed else bad(text)


@check("Stream 连接")
async def stream(exam: Exam, app: App) -> Verdicts:
    if app.settings.mode != "stream":
        return None
    passed, text = await exam.limited(app.door.probe_stream_open)
    return good(text) if passed else bad(text)


@check("Stream 现状")
async def standing(exam: Exam, app: App) -> Verdicts:
    """Nothing where no server runs here: the line above has told whether it could."""
    if app.settings.mode != "stream":
        return None
    found = await stream_figures.figures(exam, app.name)
    return None if found is None else stream_figures.told(found, await stream_figures.webs(exam))


@check("权限")
async def scopes(exam: Exam, app: App) -> Verdicts:
    """Each missing one is named, as the platform names it."""
    blocked = await _not_yet(exam, app)
    if blocked is not None:
        return blocked
    passed, text = await exam.limited(app.door.probe_scopes)
    return good(text) if passed else bad(text)


@check("卡片模板")
async def card_template(exam: Exam, app: App) -> Verdicts:
    blocked = await _not_yet(exam, app)
    if blocked is not None:
        return blocked
    passed, text = await exam.limited(app.door.probe_card_template)
    if passed:
        return good(text)
    return bad(text if CONSOLE in text else f"{text}。{_MEND_CARD}")


@check("可见范围")
async def visible(exam: Exam, app: App) -> Verdicts:
    """Contact calls are free of the monthly quota. Without their permission nothing can be said."""
    members = [
        (person, account.user_id)
        for person in exam.settings.directory.people
        for account in person.accounts
        if (account.platform, account.app) == (PLATFORM, app.name)
    ]
    if not members:
        return note("staff 里没有人用这个应用：在 accounts 里写上 dingtalk 账号（userId）")
    blocked = await _not_yet(exam, app)
    if blocked is not None:
        return blocked
    found = await asyncio.gather(*(_seen(exam, app, *member) for member in members))
    troubles = [verdict for verdict in dict.fromkeys(found) if verdict is not None]
    return troubles or good(f"{len(members)} 个账号都看得到")


async def _seen(exam: Exam, app: App, person: Staff, user_id: str) -> Verdict | None:
    """Nothing when all is well; without a name where the trouble is everybody's."""
    who = f"{person.name}（{user_id}）"
    body: dict[str, object] = {"userid": user_id, "language": "zh_CN"}
    try:
        await exam.limited(lambda: app.door.client.old("POST", "/topapi/v2/user/get", body, repeatable=True))
    except TimeoutError:
        return note(f"{who} 没法核对：没有应答")
    except ApiError as error:
        return _trouble(error, who)
    return None


def _trouble(error: ApiError, who: str) -> Verdict:
    if error.code in _UNSEEN:
        return bad(f"看不到 {who}：到 {CONSOLE} → 版本管理与发布 里扩大可见范围，再发布一个版本")
    if error.code in _UNKNOWN:
        return bad(
            f"没有账号 {who}：到 钉钉管理后台 oa.dingtalk.com → 通讯录 → 成员 里核对「员工 UserID」，改 staff"
        )
    if error.kind is Kind.SCOPE:
        return note(f"没法核对账号：{error}")
    if error.kind is Kind.ADDRESS:
        return bad(str(error))
    return note(f"{who} 没法核对：{error}")


@check("HTTP 回调")
async def callback(exam: Exam, app: App) -> Verdicts:
    """An unsigned message must be refused by us: then the platform's signed ones get here too."""
    if app.settings.mode != "http":
        return None
    public = exam.settings.server.public_url.rstrip("/")
    if not public:
        return bad("mode: http 要有 server.public_url；没有公网地址就改成 mode: stream")
    url = f"{public}/callback/dingtalk/{app.name}"
    try:
        page = await fetch(exam, URL(f"{url}/robot"), method="POST", data=b"{}")
    except Unreachable as error:
        how = await why_not_running(exam, "服务在运行，检查域名、反向代理和防火墙")
        return bad(f"{url} 到不了（{error}）。{how}")
    if page.status != 403:
        how = await why_not_running(exam, "反向代理要把 /callback/ 原样转给 serve；刚改成 http 要重启 serve")
        return bad(f"{url}/robot 回答 HTTP {page.status}，应当拒绝没有签名的消息。{how}")
    return good(f"可达；机器人填 {url}/robot，事件订阅填 {url}/event，卡片回调由 serve 自己登记")


@check("事件密钥")
async def event_keys(_exam: Exam, app: App) -> Verdicts:
    """Robot messages and cards are signed with the client secret; only events need keys of their own."""
    if app.settings.mode != "http":
        return None
    key = app.settings.encoding_aes_key
    if not key or not app.settings.token:
        return note(f"token 和 encoding_aes_key 没有填，收不到事件：到 {CONSOLE} → 事件订阅 里复制")
    if len(key) != _KEY_CHARS:
        return bad(f"encoding_aes_key 要正好 43 位，现在是 {len(key)} 位：到 {CONSOLE} → 事件订阅 里重新复制")
    return good("形式正确")
