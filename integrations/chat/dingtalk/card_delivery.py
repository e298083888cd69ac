"""Cards that can change: create and deliver under our own id, update by key (dingtalk.md §6.3)."""

from __future__ import annotations

from collections import OrderedDict

from cards.model import Card
from domain.chat import Recipient
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.card import Params, params
from integrations.chat.dingtalk.card_mode import Template
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.lint import card_problems
from integrations.chat.dingtalk.payload import Json, object_of, text_of

ROUTE_KEY = "qianshao"  # names the HTTP address card taps go to
REMEMBERED = 4096


class CardDelivery:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._undelivered: OrderedDict[str, str] = OrderedDict()  # card id -> why

    async def send(self, to: Recipient, card: Card, template: Template, card_id: str) -> str | None:
        """Why the card did not reach the chat, "" when it did, None when it did in an earlier try."""
        if card_id in self._undelivered:
            return self._undelivered[card_id]
        body = self._creation(to, card, template, card_id)
        try:
            found = await self._client.api(
                "POST", "/v1.0/card/instances/createAndDeliver", body, repeatable=True
            )
        except ApiError as error:
            if error.code == "param.cardAlreadyExist":  # an earlier try arrived, its answer did not
                return None
            raise
        problem = _delivery_problem(found)
        if problem:
            self._note(card_id, problem)
        else:
            self._client.usage.count_message("out:card")
        return problem

    def _note(self, card_id: str, problem: str) -> None:
        """The id is taken although nobody sees the card: a retry must not take that for success."""
        self._undelivered[card_id] = problem
        if len(self._undelivered) > REMEMBERED:
            self._undelivered.popitem(last=False)

    async def update(self, card_id: str, card: Card, style: str, chat_id: str) -> None:
        values = _checked(params(card, style, chat_id))
        body: Json = {
            "outTrackId": card_id,
            "cardData": {"cardParamMap": values},
            "cardUpdateOptions": {"updateCardDataByKey": True},  # without it other variables vanish
            "userIdType": 1,
        }
        await self._client.api("PUT", "/v1.0/card/instances", body, repeatable=True)

    async def register_route(self, url: str) -> None:
        """HTTP mode: tell the platform where card taps go and which secret signs them."""
        body: Json = {
            "callbackRouteKey": ROUTE_KEY,
            "callbackUrl": url,
            "apiSecret": self._client.settings.card_secret,
            "forceUpdate": True,
        }
        await self._client.api("POST", "/v1.0/card/callbacks/register", body, repeatable=True)

    def _creation(self, to: Recipient, card: Card, template: Template, card_id: str) -> Json:
        http = self._client.settings.mode == "http"
        return {
            "cardTemplateId": template.id,
            "outTrackId": card_id,
            # A route key beside STREAM has stopped deliveries (dingtalk.md §6.3).
            **(
                {"callbackType": "HTTP", "callbackRouteKey": ROUTE_KEY}
                if http
                else {"callbackType": "STREAM"}
            ),
            "userIdType": 1,
            "cardData": {"cardParamMap": _checked(params(card, template.style, to.chat_id))},
            **self._space(to, card),
        }

    def _space(self, to: Recipient, card: Card) -> Json:
        robot = self._client.settings.robot
        outline: Json = {
            "supportForward": False,
            "lastMessageI18n": {"ZH_CN": card.summary},
            "notification": {"alertContent": card.summary, "notificationOff": False},
        }
        if to.chat_id:
            return {
                "openSpaceId": f"dtv1.card//IM_GROUP.{to.chat_id}",
                "imGroupOpenSpaceModel": outline,
                "imGroupOpenDeliverModel": {"robotCode": robot},
            }
        return {
            "openSpaceId": f"dtv1.card//IM_ROBOT.{to.account.user_id}",
            "imRobotOpenSpaceModel": outline,
            "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": robot},
        }


def _delivery_problem(found: Json) -> str:
    """HTTP 200 and success:true may still hide a failed delivery: every entry is looked at."""
    listed = object_of(found.get("result")).get("deliverResults")
    entries = [object_of(entry) for entry in listed] if isinstance(listed, list) else []
    if not entries:
        return "no delivery result"
    failed = [
        text_of(entry.get("errorMsg")) or "failed" for entry in entries if entry.get("success") is not True
    ]
    return "; ".join(failed)


def _checked(values: Params) -> Params:
    hard = [problem.text for problem in card_problems(values) if problem.hard]
    if hard:
        raise ApiError(Kind.REFUSED, "lint", "；".join(hard))
    return values
