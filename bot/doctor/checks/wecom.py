"""企业微信, one group an app: secret, egress address, agent id, visible scope, callback (wecom.md §1, §2)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from yarl import URL

from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from bot.doctor.web import Page, Unreachable, fetch, why_not_running
from cards.door import DoorError
from domain.staff import Staff
from integrations.chat.wecom.client import WeComClient
from integrations.chat.wecom.crypto import Envelope
from integrations.chat.wecom.errors import ApiRefused
from integrations.chat.wecom.probes import Probe, probe_call, probe_token
from integrations.chat.wecom.settings import WeComSettings

ORDER = 30
PLATFORM = "wecom"
CONSOLE = "管理后台 → 应用管理 → 自建应用"
RECEIVE = f"{CONSOLE} → 接收消息 → 设置API接收"
_NO_MENU = "46003"
_UNSEEN = frozenset({"60011", "60021", "50002"})
_UNKNOWN = frozenset({"60111", "40003", "46004"})
_ADDRESS_REFUSED = ("（60020）", "（301042）")
_IN_TIME = 1.0  # seconds WeCom waits for the answer to a URL verification (§2.2)


@dataclass(frozen=True)
class App:
    """The client is built without the door, which a wrong EncodingAESKey would not let stand."""

    name: str
    settings: WeComSettings
    client: WeComClient


def subjects(exam: Exam) -> list[tuple[str, App]]:
    found = []
    for door in exam.settings.doors:
        if door.platform == PLATFORM and isinstance(door.values, WeComSettings):
            client = WeComClient(door.app, door.values, exam.session, exam.clock)
            exam.close_later(client.close)
            found.append((f"企业微信 {door.app}", App(door.app, door.values, client)))
    return found


async def _token(exam: Exam, app: App) -> Probe:
    return await exam.once(f"wecom token {app.name}", lambda: probe_token(app.client))


async def _egress(exam: Exam, app: App) -> Probe:
    return await exam.once(f"wecom egress {app.name}", lambda: probe_call(app.client))


async def _not_yet(exam: Exam, app: App, *, egress: bool = True) -> Verdict | None:
    """What has to be mended before this check can say anything."""
    try:
        if not (await _token(exam, app))[0]:
            return note("先解决 access token，再来检查")
        if egress and not (await _egress(exam, app))[0]:
            return note("先解决出口 IP，再来检查")
    except TimeoutError:
        return note("企业微信没有应答，没法检查")
    return None


@check("access token")
async def token(exam: Exam, app: App) -> Verdicts:
    """Tells a wrong secret from a wrong corp id from no way there."""
    passed, text = await _token(exam, app)
    return good(text) if passed else bad(text)


@check("出口 IP")
async def egress(exam: Exam, app: App) -> Verdicts:
    """The address the platform saw stands in its refusal; without one it has let us in."""
    blocked = await _not_yet(exam, app, egress=False)
    if blocked is not None:
        return blocked
    passed, text = await _egress(exam, app)
    if passed:
        return good(text)
    order = f"；填 IP 之前要先在 {RECEIVE} 保存回调地址" if any(c in text for c in _ADDRESS_REFUSED) else ""
    return bad(text + order)


@check("AgentId")
async def agent_id(exam: Exam, app: App) -> Verdicts:
    """Asking for the app's menu: a token speaks for one agent id only."""
    blocked = await _not_yet(exam, app)
    if blocked is not None:
        return blocked
    try:
        await exam.limited(lambda: app.client.get("menu/get", agentid=str(app.settings.agent_id)))
    except DoorError as error:
        if error.code != _NO_MENU:
            return bad(str(error))
    return good("和 secret 属于同一个应用")


@check("可见范围")
async def visible(exam: Exam, app: App) -> Verdicts:
    """Every account of the staff list must be seen by the app, else nothing can be sent to it."""
    members = [
        (person, account.user_id)
        for person in exam.settings.directory.people
        for account in person.accounts
        if (account.platform, account.app) == (PLATFORM, app.name)
    ]
    if not members:
        return note("staff 里没有人用这个应用：在 accounts 里写上 wecom 账号")
    blocked = await _not_yet(exam, app)
    if blocked is not None:
        return blocked
    found = await asyncio.gather(*(_seen(exam, app, *member) for member in members))
    troubles = [verdict for verdict in found if verdict is not None]
    return troubles or good(f"{len(members)} 个账号都看得到")


async def _seen(exam: Exam, app: App, person: Staff, user_id: str) -> Verdict | None:
    """Nothing when all is well."""
    who = f"{person.name}（{user_id}）"
    try:
        await exam.limited(lambda: app.client.get("user/get", userid=user_id))
    except ApiRefused as error:
        if error.code in _UNSEEN:
            return bad(f"看不到 {who}：到 {CONSOLE} → 可见范围 里加上")
        if error.code in _UNKNOWN:
            return bad(f"没有账号 {who}：到 管理后台 → 通讯录 → 成员详情 里核对「账号」，改 staff")
        return bad(f"{who} 没法核对：{error}")
    except (DoorError, TimeoutError) as error:
        return note(f"{who} 没法核对：{str(error) or '没有应答'}")
    return None


@check("回调地址")
async def callback(exam: Exam, app: App) -> Verdicts:
    """What the console does on saving: a signed GET that must be answered with the plain text."""
    public = exam.settings.server.public_url.rstrip("/")
    if not public:
        return bad(f"server.public_url 没有填：写上外网能到的 https 地址，再填进 {RECEIVE}")
    url = f"{public}/callback/wecom/{app.name}"
    plain = str(secrets.randbelow(9 * 10**18) + 10**18)
    try:
        page = await fetch(exam, URL(f"{url}?{_signed(exam, app, plain)}", encoded=True))
    except Unreachable as error:
        how = await why_not_running(exam, "服务在运行，检查域名、反向代理和防火墙")
        return bad(f"{url} 到不了（{error}）。{how}")
    return await _judged(exam, page, url, plain)


def _signed(exam: Exam, app: App, plain: str) -> str:
    settings = app.settings
    envelope = Envelope.of(settings.token, settings.encoding_aes_key, settings.corp_id)
    stamp, nonce = str(int(exam.clock.now().timestamp())), secrets.token_hex(5)
    echo = envelope.encrypt(plain.encode())
    signature = envelope.signature(stamp.encode(), nonce.encode(), echo.encode())
    return urlencode({"msg_signature": signature, "timestamp": stamp, "nonce": nonce, "echostr": echo})


async def _judged(exam: Exam, page: Page, url: str, plain: str) -> Verdict:
    if page.status == 200 and page.body == plain.encode():
        if page.seconds > _IN_TIME:
            return note(f"{url} 验证通过，但用了 {page.seconds:.1f} 秒；企业微信只等 1 秒")
        return good(f"{url} 验证通过；把它填进 {RECEIVE} 的 URL")
    if page.status == 403:
        return bad(
            f"{url} 拒绝了签名：服务用的是另一份 token、encoding_aes_key 或 corp_id，改好设置后重启 serve"
        )
    how = await why_not_running(exam, "反向代理要把 /callback/ 原样转给 serve；刚加的应用要重启 serve")
    return bad(f"{url} 回答 HTTP {page.status}，不是解密后的原文。{how}")
