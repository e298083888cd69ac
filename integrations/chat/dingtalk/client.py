"""Both API generations over one HTTP session: token, pace, breaker, retries (dingtalk.md §1)."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson
import stamina

from domain.clock import Clock
from domain.fleet import Commons, Outcome, Resting, Rule, guarded
from domain.fleet_alone import Alone
from integrations.chat.dingtalk.answers import ApiError, Kind, read_new, read_old
from integrations.chat.dingtalk.pace import OWN_PACE, Pace
from integrations.chat.dingtalk.payload import Json, text_of, whole_of
from integrations.chat.dingtalk.settings import DingTalkSettings
from integrations.chat.dingtalk.token import TokenSource
from integrations.chat.dingtalk.usage import Usage

TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - the header's name
THROTTLED_TRIES = 5
BUSY_TRIES = 3
RULE = Rule(failures=5, seconds=15.0)
UPLOAD_SECONDS, FETCH_SECONDS = 12.0, 30.0  # 20 MB over a slow line; an upload has to end within a delivery
MOST_BYTES = 20 * 1024 * 1024  # of a file, either way
BREAKING = frozenset({Kind.UNREACHABLE, Kind.LOST, Kind.BUSY})
SUBSCRIPTIONS = (
    {"type": "EVENT", "topic": "*"},
    {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"},
    {"type": "CALLBACK", "topic": "/v1.0/card/instances/callback"},
)

Read = Callable[[int, bytes], Json]


@dataclass(frozen=True)
class StreamTicket:
    """Where to connect, once, within 90 s."""

    endpoint: str
    ticket: str


@dataclass(frozen=True)
class _Request:
    """`repeatable`: doing it twice is doing it once, so a lost answer may be asked for again."""

    method: str
    url: str
    endpoint: str
    body: Json
    read: Read
    repeatable: bool = False
    header_token: bool = False
    query_token: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    form: Callable[[], aiohttp.FormData] | None = None  # instead of `body`; made anew for each try
    seconds: float = 0.0  # at least this long; 0: the setting `timeout_seconds`


class Client:
    """One app's way to the platform. Raises ApiError; never lets a secret into its text."""

    def __init__(
        self,
        app: str,
        settings: DingTalkSettings,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> None:
        """`commons`: what all processes share; without it this client shares with nobody."""
        commons = commons or Alone(clock)
        self.settings = settings
        self.usage = Usage(clock)
        self._session = session
        self._app = app
        self._pace = Pace(commons.budgets, app)
        self._rests = commons.rests
        credential = f"dingtalk|{settings.api_base}|{settings.client_id}|{settings.client_secret}"
        self.tokens = TokenSource(self._fetch_token, clock, commons.vault, credential)

    async def api(self, method: str, path: str, body: Json, *, repeatable: bool = False) -> Json:
        """A call of the new API."""
        url = self.settings.api_base + path
        return await self._call(_Request(method, url, path, body, read_new, repeatable, header_token=True))

    async def old(
        self, method: str, path: str, body: Json, *, repeatable: bool = False, **query: str
    ) -> Json:
        """A call of the old API, with the token in its query."""
        url = self.settings.oapi_base + path
        return await self._call(
            _Request(method, url, path, body, read_old, repeatable, query_token=True, query=query)
        )

    async def upload(self, kind: str, name: str, content: bytes) -> Json:
        """`kind` image | file (dingtalk.md §5.7); twice is once more the same file, which does no harm."""
        path = "/media/upload"

        def form() -> aiohttp.FormData:
            parts = aiohttp.FormData(quote_fields=False)
            parts.add_field(
                "media", io.BytesIO(content), filename=name, content_type="application/octet-stream"
            )
            return parts

        request = _Request(
            "POST",
            self.settings.oapi_base + path,
            path,
            {},
            read_old,
            repeatable=True,
            query_token=True,
            query={"type": kind},
            form=form,
            seconds=UPLOAD_SECONDS,
        )
        return await self._call(request)

    async def download(self, url: str) -> bytes:
        """What stands behind a short-lived address the platform named; no token goes there."""
        if not url.startswith("https://" if self.settings.api_base.startswith("https://") else "http"):
            raise ApiError(Kind.REFUSED, "", "the download address is not HTTPS")
        content = bytearray()
        try:
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS)) as response:
                if response.status >= 300:
                    kind = Kind.BUSY if response.status >= 500 else Kind.REFUSED
                    raise ApiError(kind, f"HTTP {response.status}", "the file cannot be fetched")
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > MOST_BYTES:
                        raise ApiError(Kind.REFUSED, "size", f"文件超过 {MOST_BYTES // 1024 // 1024} MB")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ApiError(Kind.BUSY, type(error).__name__, "the file could not be fetched", 5.0) from None
        return bytes(content)

    async def reply(self, session_webhook: str, body: Json) -> Json:
        """Post to a sessionWebhook; the caller has checked that the address is the platform's."""
        return await self._call(_Request("POST", session_webhook, "/robot/sendBySession", body, read_old))

    async def open_stream(self) -> StreamTicket:
        """Ask for a Stream connection. Without retries: the stream client has a patience of its own."""
        path = "/v1.0/gateway/connections/open"
        body: Json = {
            "clientId": self.settings.client_id,
            "clientSecret": self.settings.client_secret,
            "subscriptions": list(SUBSCRIPTIONS),
            "ua": "qianshao",
        }
        found = await self._send(_Request("POST", self.settings.api_base + path, path, body, read_new), "")
        endpoint, ticket = text_of(found.get("endpoint")), text_of(found.get("ticket"))
        if not endpoint.startswith(("wss://", "ws://")) or not ticket:
            raise ApiError(Kind.REFUSED, "", "connections/open answered without endpoint and ticket")
        if self.settings.api_base.startswith("https://") and not endpoint.startswith("wss://"):
            raise ApiError(Kind.REFUSED, "", "connections/open named an unencrypted endpoint")
        return StreamTicket(endpoint, ticket)

    async def _fetch_token(self) -> tuple[str, float]:
        """One try: the call that needs the token has the patience."""
        path = "/v1.0/oauth2/accessToken"
        body: Json = {"appKey": self.settings.client_id, "appSecret": self.settings.client_secret}
        request = _Request("POST", self.settings.api_base + path, path, body, read_new)
        try:
            found = await self._guarded(request, "")
        except ApiError as error:
            if error.kind is Kind.LOST:  # whatever happened to the token, the caller's own work was not begun
                raise ApiError(Kind.BUSY, error.code, "the token request got no answer", 2.0) from None
            raise
        token = text_of(found.get("accessToken"))
        if not token:
            raise ApiError(Kind.BUSY, "", "the token answer holds no token")
        return token, float(whole_of(found.get("expireIn")) or 7200)

    async def _call(self, request: _Request) -> Json:
        return await self._patiently(request, lambda: self._authorised(request))

    async def _patiently(self, request: _Request, once: Callable[[], Awaitable[Json]]) -> Json:
        """Throttled: up to 5 tries a second apart. Busy, or repeatable and lost: up to 3. Else no retry."""
        tries = 0

        def patience(error: Exception) -> bool | float:
            nonlocal tries
            tries += 1
            kind = error.kind if isinstance(error, ApiError) else None
            if kind is Kind.THROTTLED:
                return 1.0 + random.uniform(0, 0.3)
            again = kind in {Kind.BUSY, Kind.UNREACHABLE} or (kind is Kind.LOST and request.repeatable)
            return 0.3 * 2**tries * random.uniform(0.8, 1.2) if again and tries < BUSY_TRIES else False

        async for attempt in stamina.retry_context(on=patience, attempts=THROTTLED_TRIES, timeout=None):
            with attempt:
                return await once()
        raise AssertionError("stamina ended without an outcome")

    async def _authorised(self, request: _Request) -> Json:
        """A refused token is dropped, fetched once, and the call repeated once."""
        if not (request.header_token or request.query_token):
            return await self._guarded(request, "")
        token = await self.tokens.get()
        try:
            return await self._guarded(request, token)
        except ApiError as error:
            if error.kind is not Kind.TOKEN:
                raise
        self.tokens.drop(token)
        return await self._guarded(request, await self.tokens.get())

    async def _guarded(self, request: _Request, token: str) -> Json:
        """The pace last: what comes between its grant and the call lets calls meet in the platform's second."""
        target = f"dingtalk:{self._app} {request.endpoint}"
        try:
            async with guarded(self._rests, target, RULE, _judge):
                await self._pace.wait(request.endpoint)
                return await self._send(request, token)
        except Resting as rest:
            message = f"{request.endpoint} failed {RULE.failures} times in a row; waiting"
            raise ApiError(Kind.BLOCKED, "circuit_open", message, math.ceil(rest.seconds)) from None

    async def _send(self, request: _Request, token: str) -> Json:
        """One exchange. Exceptions of the HTTP client carry addresses, so only their names go on."""
        headers = {"Accept": "application/json"}
        if request.form is None:
            headers["Content-Type"] = "application/json"
        if request.header_token:
            headers[TOKEN_HEADER] = token
        query = {**({"access_token": token} if request.query_token else {}), **request.query}
        timeout = aiohttp.ClientTimeout(total=max(request.seconds, self.settings.timeout_seconds))
        try:
            async with self._session.request(
                request.method,
                request.url,
                params=query,
                data=_data(request),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                status, raw = response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ApiError(
                Kind.UNREACHABLE, type(error).__name__, f"cannot reach {request.endpoint}"
            ) from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ApiError(Kind.LOST, type(error).__name__, f"no answer from {request.endpoint}") from None
        return self._read(request, status, raw)

    def _read(self, request: _Request, status: int, raw: bytes) -> Json:
        """Calls refused for their rate are not counted by the platform (§1.4)."""
        try:
            found = request.read(status, raw)
        except ApiError as error:
            if error.kind not in {Kind.THROTTLED, Kind.MINUTE}:
                self.usage.count_call(request.endpoint)
            raise
        self.usage.count_call(request.endpoint)
        return found


def _judge(error: BaseException) -> Outcome:
    """Any answer that makes sense, a refusal too, proves that the far side is alive."""
    if not isinstance(error, ApiError) or error.code == OWN_PACE:
        return Outcome.NEITHER
    return Outcome.FAILED if error.kind in BREAKING else Outcome.WORKED


def _data(request: _Request) -> aiohttp.FormData | bytes | None:
    if request.form is not None:
        return request.form()
    return orjson.dumps(request.body) if request.method != "GET" else None
