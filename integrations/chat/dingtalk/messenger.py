"""Plain messages: the reply address while it lives, the robot APIs after (dingtalk.md §5.1, §5.2, §5.4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cards.door import Sent
from domain.chat import Recipient
from domain.clock import Clock
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.client import Client
from integrations.chat.dingtalk.forms import Form, marked
from integrations.chat.dingtalk.inbound import reply_allowed
from integrations.chat.dingtalk.lint import message_problems
from integrations.chat.dingtalk.payload import Json, text_of, texts_of

SPARE = timedelta(seconds=60)  # a reply address is not used in its last minute
SESSION_GONE = "300001"
FLOW_SECONDS = 30.0
MARK = "（可能重复）"
REMEMBERED = 4096
NOT_IN_GROUP = ("resource.", "invalidParameter.robotCode.", "unauthorized")


@dataclass(frozen=True)
class _Progress:
    """How far a message got: parts known to be sent, and whether the next one may have been."""

    sent: int = 0
    doubtful: bool = False


class Messenger:
    """Sends forms in order. What the platform cannot deduplicate is marked when it may be a repeat."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, _Progress] = OrderedDict()

    async def send(self, to: Recipient, forms: Sequence[Form], *, key: str, attempt: int) -> Sent:
        """`key` is the outbox key. After a restart nothing is known of an earlier attempt: it may have arrived."""
        progress = _Progress() if attempt <= 1 else self._known.get(key, _Progress(doubtful=True))
        platform_id = ""
        for number in range(progress.sent, len(forms)):
            form = marked(forms[number], MARK) if progress.doubtful else forms[number]
            try:
                platform_id = await self._post(to, form)
            except ApiError as error:
                doubtful = progress.doubtful or error.kind is Kind.LOST
                self._remember(key, replace(progress, doubtful=doubtful))
                raise
            progress = _Progress(number + 1)
        self._known.pop(key, None)
        return Sent({"mode": "text"}, platform_id)

    def _remember(self, key: str, progress: _Progress) -> None:
        self._known[key] = progress
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _post(self, to: Recipient, form: Form) -> str:
        """The platform's id of the message, "" from a reply address."""
        if form.webhook and self.can_reply(to):
            try:
                return await self._reply(to, form)
            except ApiError as error:
                if error.code != SESSION_GONE:
                    raise
        return await self._send_to_group(to, form) if to.chat_id else await self._send_to_person(to, form)

    def can_reply(self, to: Recipient) -> bool:
        """Whether the cheap answer still works: no token, no API call."""
        alive = to.reply_until is not None and self._clock.now() < to.reply_until - SPARE
        return alive and reply_allowed(to.reply_url, self._client.settings.oapi_base)

    async def _reply(self, to: Recipient, form: Form) -> str:
        _check(form.webhook)
        await self._client.reply(to.reply_url, form.webhook)
        self._client.usage.count_message("out:reply")
        return ""

    async def _send_to_person(self, to: Recipient, form: Form) -> str:
        user = to.account.user_id
        if not user:
            raise ApiError(
                Kind.REFUSED, "no staffId", "对方不是本企业成员，只能在对方发消息后的 90 分钟内回复"
            )
        body = self._robot_body(form, userIds=[user])
        found = await self._client.api("POST", "/v1.0/robot/oToMessages/batchSend", body)
        if user in _listed(found, "flowControlledStaffIdList"):
            raise ApiError(Kind.BUSY, "flowControlled", "接收人被限流，稍后再发", FLOW_SECONDS)
        if user in _listed(found, "invalidStaffIdList") | _listed(found, "filteredStaffIdList"):
            raise ApiError(Kind.REFUSED, "staffId.notExisted", f"{user} 不是本企业成员或不在应用可见范围")
        self._client.usage.count_message("out:person")
        return text_of(found.get("processQueryKey"))

    async def _send_to_group(self, to: Recipient, form: Form) -> str:
        body = self._robot_body(form, openConversationId=to.chat_id)
        try:
            found = await self._client.api("POST", "/v1.0/robot/groupMessages/send", body)
        except ApiError as error:
            if error.kind is Kind.REFUSED and error.code.startswith(NOT_IN_GROUP):
                raise ApiError(
                    Kind.REFUSED, error.code, "机器人不在这个群里：请群主添加机器人后再试"
                ) from None
            raise
        self._client.usage.count_message("out:group")
        return text_of(found.get("processQueryKey"))

    def _robot_body(self, form: Form, **target: object) -> Json:
        body: Json = {
            "robotCode": self._client.settings.robot,
            **target,
            "msgKey": form.msg_key,
            "msgParam": form.param_text,
        }
        _check(body)
        return body


def _listed(found: Json, name: str) -> set[str]:
    """Partial success is a 200: the lists tell who was left out."""
    value = found.get(name)
    return set(texts_of(value)) if isinstance(value, list) else set()


def _check(body: Json) -> None:
    hard = [problem.text for problem in message_problems(body) if problem.hard]
    if hard:
        raise ApiError(Kind.REFUSED, "lint", "；".join(hard))
