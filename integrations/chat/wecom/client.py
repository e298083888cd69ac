"""Calls to the WeCom API: token, timeouts, retries, and one of three errors for what goes wrong (wecom.md §1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import orjson
import stamina

from cards.door import DoorError, Refused, Retry, Unsure
from domain.clock import Clock
from domain.fleet import Commons
from domain.fleet_alone import Alone
from integrations.chat.wecom.errors import LIMITED, REFRESH, Busy, Misconfigured, advice, judge
from integrations.chat.wecom.gates import Gates
from integrations.chat.wecom.settings import WeComSettings
from integrations.chat.wecom.token import AccessToken, Grant

CONCURRENCY = 16  # calls of one app at once, under the platform's unnamed limit (45033)
TRIES = 3  # of one call while the platform says it is busy
CONNECT_SHARE = 0.6  # of the timeout: running out while connecting means that nothing was sent
BAN = 3600.0  # seconds our address is banned from gettoken after wrong secrets
MOST_BYTES = 20 * 1024 * 1024  # of a file that is fetched
TOKEN_PATH = "gettoken"  # noqa: S105 - a path, not a secret
JSON = {"Content-Type": "application/json; charset=utf-8"}

Answer = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One API call. `effect`: somebody sees it, so an unknown outcome must not be repeated blindly."""

    method: Literal["GET", "POST"]
    path: str
    effect: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Any] = lambda: None  # made anew for each try: forms can be sent only once
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # for the whole call, where files travel; 0: the setting `timeout_seconds`
    file: bool = False  # a good answer is a file: `{"content": bytes}`


class WeComClient:
    """The API of one app. Raises Retry (nothing happened), Unsure (perhaps) or Refused (no)."""

    def __init__(
        self,
        app: str,
        settings: WeComSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        """`commons`: what all processes share; without it this client shares with nobody."""
        commons = commons or Alone(clock)
        self._settings = settings
        self._session = session
        self._base = settings.api_base.rstrip("/") + "/cgi-bin/"
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self.gates = Gates(commons.rests, app)
        credential = f"wecom|{settings.api_base}|{settings.corp_id}|{settings.agent_id}|{settings.secret}"
        self.token = AccessToken(self._gettoken, clock, app, commons.vault, credential)

    async def close(self) -> None:
        await self.token.close()

    async def post(self, path: str, body: Mapping[str, Any], *, effect: bool) -> Answer:
        """JSON in raw UTF-8 (40033); the bytes are the same for every try."""
        data = orjson.dumps(body)
        return await self.call(Call("POST", path, effect, body=lambda: data, headers=JSON))

    async def get(self, path: str, **params: str) -> Answer:
        return await self.call(Call("GET", path, params=params))

    async def call(self, call: Call) -> Answer:
        """Repeat while the platform is busy; a refused token is renewed once and the call put once more."""
        return await _repeating(call, lambda tries: self._authorised(call, tries))

    async def _authorised(self, call: Call, tries: int) -> Answer:
        used = await self.token.get()
        answer = await self._exchange(call, {"access_token": used})
        if answer.get("errcode") in REFRESH:
            self.token.drop(used)
            used = await self.token.get()
            answer = await self._exchange(call, {"access_token": used})
        code = answer.get("errcode")
        if code in REFRESH and code != 40001:
            self.token.drop(used)
            raise Retry(f"{call.path}：access_token 两次被拒（{code}）", code=str(code), retry_after=60.0)
        judge(answer, tries=tries)
        return answer

    async def _gettoken(self) -> Grant:
        """A wrong secret is put once and never repeated; busy and network faults a few times (§1.2)."""
        settings = self._settings
        call = Call("GET", TOKEN_PATH, params={"corpid": settings.corp_id, "corpsecret": settings.secret})
        answer = await _repeating(call, lambda _: self._fetch_token(call))
        return Grant(str(answer["access_token"]), float(answer.get("expires_in", 7200)))

    async def _fetch_token(self, call: Call) -> Answer:
        try:
            answer = await self._exchange(call, {})
        except Retry as error:
            if error.code == str(LIMITED):
                raise Retry(
                    "本机地址因 secret 多次出错被暂停获取 access_token", code="45009", retry_after=BAN
                ) from None
            raise
        if answer.get("errcode") == 40001:
            raise Misconfigured(advice(40001, str(answer.get("errmsg", ""))), code="40001")
        judge(answer)
        if not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
            raise Retry("gettoken：回答里没有 access_token", code="not_json")
        return answer

    async def _exchange(self, call: Call, secrets: Mapping[str, str]) -> Answer:
        """One HTTP request. Nothing it raises holds the URL: the token is in it."""
        async with self.gates.passing(call.path), self._slots:
            answer = await self._request(call, secrets)
            if answer.get("errcode") == LIMITED:
                raise await self.gates.close(call.path)
            return answer

    async def _request(self, call: Call, secrets: Mapping[str, str]) -> Answer:
        try:
            async with self._session.request(
                call.method,
                self._base + call.path,
                params={**secrets, **call.params},
                data=call.body(),
                headers=call.headers,
                timeout=self._timeout(call),
                proxy=self._settings.egress_proxy or None,
                allow_redirects=False,
            ) as response:
                if call.file and response.status == 200 and _is_file(response):
                    return {"content": await _content(call, response)}
                return _read(call, response.status, await response.read())
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientProxyConnectionError,
        ) as e:
            raise Retry(f"{call.path}：连不上企业微信（{type(e).__name__}）", code="network") from None
        except TimeoutError:
            raise _unknown(call, "timeout", "超时没有回答") from None
        except aiohttp.ClientError as error:
            raise _unknown(call, "network", f"连接中断（{type(error).__name__}）") from None

    def _timeout(self, call: Call) -> aiohttp.ClientTimeout:
        usual = self._settings.timeout_seconds
        return aiohttp.ClientTimeout(total=max(call.seconds, usual), connect=usual * CONNECT_SHARE)


async def _repeating(call: Call, once: Callable[[int], Awaitable[Answer]]) -> Answer:
    """`once` gets the number of the try, from 1."""
    answer: Answer = {}
    async for attempt in stamina.retry_context(
        on=_repeats(call), attempts=TRIES, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.3
    ):
        with attempt:
            answer = await once(attempt.num)
    return answer


def _repeats(call: Call) -> Callable[[Exception], bool]:
    """Busy answers always; passing faults only where a repeat does no harm."""

    def hook(error: Exception) -> bool:
        if isinstance(error, Busy):
            return True
        is_fault = isinstance(error, Retry) and error.code in ("network", "timeout", "http_5xx")
        return is_fault and not call.effect

    return hook


def _unknown(call: Call, code: str, what: str) -> DoorError:
    """The request left us: an effect may have happened."""
    kind = Unsure if call.effect else Retry
    return kind(f"{call.path}：{what}", code=code)


def _is_file(response: aiohttp.ClientResponse) -> bool:
    """Errors are JSON without a file name; a file may itself be JSON (wecom.md §7.4)."""
    return "Content-Disposition" in response.headers or "json" not in response.content_type


async def _content(call: Call, response: aiohttp.ClientResponse) -> bytes:
    """The body, as long as it is not larger than anything WeCom takes."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MOST_BYTES:
            raise Refused(f"{call.path}：文件超过 {MOST_BYTES // 1024 // 1024} MB", code="media_size")
    return bytes(content)


def _read(call: Call, status: int, raw: bytes) -> Answer:
    """WeCom answers business errors with 200; everything else is a proxy, a gateway or a wrong address."""
    if status >= 500:
        raise _unknown(call, "http_5xx", f"HTTP {status}")
    if status == 429:
        raise Retry(f"{call.path}：HTTP 429", code="http_429", retry_after=60.0)
    if status != 200:
        raise Refused(
            f"{call.path}：HTTP {status}，请检查设置 api_base 和 egress_proxy", code=f"http_{status}"
        )
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _unknown(call, "not_json", "回答不是 JSON") from None
    if not isinstance(answer, dict):
        raise _unknown(call, "not_json", "回答不是 JSON 对象")
    return answer
