"""Which kind of card this app may send, found out by asking (dingtalk.md §6.1)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clock import Clock
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.card import PUBLIC_TEMPLATE
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.payload import Json

OWN, PUBLIC, ACTION_CARD, TEXT = "own", "public", "actioncard", "text"
ASK_AGAIN = timedelta(hours=1)  # a degraded mode is tried again: somebody may have granted the permission
DECIDING = frozenset({Kind.REFUSED, Kind.SCOPE, Kind.QUOTA})  # answers that decide; others are no answer
TEMPLATE_TROUBLE = ("param.template", "param.cardTemplateId", "param.empty")


@dataclass(frozen=True)
class Template:
    """`style` own | public: which variables it has."""

    id: str
    style: str


class CardMode:
    """`mode` own | public | actioncard | text, or "" before anybody asked; `reason` is for the doctor."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._ask_again: datetime | None = None
        self.mode = ""
        self.reason = "还没有试过卡片模板"
        self.template: Template | None = None

    async def current(self) -> Template | None:
        """The template to use, None for the fallbacks. Asks the platform once; ApiError when it is away."""
        if self._settled():
            return self.template
        async with self._lock:
            if not self._settled():
                await self.probe()
            return self.template

    def _settled(self) -> bool:
        return bool(self.mode) and (self._ask_again is None or self._clock.now() < self._ask_again)

    async def probe(self) -> None:
        """Create a card nobody sees with each template in turn; keep the first that works."""
        own = self._client.settings.card_template_id
        troubles: list[str] = []
        for template in [Template(own, OWN)] * bool(own) + [Template(PUBLIC_TEMPLATE, PUBLIC)]:
            trouble = await self._try(template)
            if not trouble:
                self._choose(template, troubles)
                return
            troubles.append(trouble)
        self.degrade("；".join(troubles))

    def _choose(self, template: Template, troubles: list[str]) -> None:
        name = "自有卡片模板" if template.style == OWN else "公共卡片模板"
        self.mode, self.template, self._ask_again = template.style, template, None
        self.reason = "；".join([*troubles, f"{name}可用"])

    def degrade(self, reason: str, mode: str = ACTION_CARD) -> None:
        """Cards do not work at present: their fallback is used for an hour."""
        self.mode, self.template, self.reason = mode, None, reason
        self._ask_again = self._clock.now() + ASK_AGAIN

    async def _try(self, template: Template) -> str:
        """What is wrong with the template, "" when it works."""
        body: Json = {
            "cardTemplateId": template.id,
            "outTrackId": f"probe-{secrets.token_hex(16)}",
            "callbackType": "HTTP" if self._client.settings.mode == "http" else "STREAM",
            "userIdType": 1,
            "cardData": {"cardParamMap": {"title": "前哨自检", "markdown": "自检，没有人会看到这张卡片"}},
        }
        try:
            await self._client.api("POST", "/v1.0/card/instances", body, repeatable=True)
        except ApiError as error:
            if error.code == "param.cardAlreadyExist":  # a repeat after a lost answer
                return ""
            if error.kind not in DECIDING:
                raise
            name = "自有卡片模板" if template.style == OWN else "公共卡片模板"
            return f"{name}不可用（{error}）"
        return ""


def closes_cards(error: ApiError) -> bool:
    """Whether this refusal concerns cards as such, so that the fallback may still get through."""
    if error.kind is Kind.REFUSED:
        return error.code.startswith(TEMPLATE_TROUBLE)
    return error.kind in {Kind.SCOPE, Kind.QUOTA}
